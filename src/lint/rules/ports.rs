//! Fixed ports that more than one server would listen on.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use bstr::{BString, ByteSlice};

use crate::case::{Origin, ServerOption, TestCase};
use crate::error::Location;
use crate::grammar::mycnf::ConfigFile;
use crate::lint::catalogue::{PORT_OF_TWO_SERVERS, PORT_OF_TWO_TESTS};
use crate::lint::files::plain;
use crate::lint::finding::Finding;
use crate::lint::input::Input;
use crate::lint::view::View;
use crate::lint::words;
use crate::plan::claims::claimed_port;
use crate::server::options::expand;
use crate::tree::config_file;
use crate::tree::server_options::Resolved;

/// Where a port is fixed: file, line, and the option's text.
type Place = (PathBuf, u32, BString);

/// The ports that one server listens on, by option.
type Ports = BTreeMap<BString, Option<(u16, Place)>>;

/// Looks at the servers of all tests that would run.
pub fn check(input: &Input) -> Vec<Finding> {
    let view = input.view;
    let mut templates: HashMap<&Path, Vec<Server>> = HashMap::new();
    let mut users: BTreeMap<u16, BTreeMap<Place, BTreeSet<String>>> = BTreeMap::new();
    let mut clashes: BTreeMap<(Place, u16), BTreeSet<String>> = BTreeMap::new();
    for case in view.running() {
        let servers = templates.entry(&case.template).or_insert_with(|| servers_of(&case.template, view));
        let mut by_port: BTreeMap<u16, Vec<(&Server, Place)>> = BTreeMap::new();
        for server in servers.iter() {
            for (name, claim) in server.with_options(case) {
                let Some((port, place)) = claim.filter(|_| listens(&name, case, server, view)) else {
                    continue;
                };
                users.entry(port).or_default().entry(place.clone()).or_default().insert(case.name());
                by_port.entry(port).or_default().push((server, place));
            }
        }
        for (port, claims) in by_port {
            let names: BTreeSet<String> = claims.iter().map(|(server, _)| server.name.to_string()).collect();
            if names.len() > 1 {
                for (_, place) in claims {
                    clashes.entry((place, port)).or_default().extend(names.iter().cloned());
                }
            }
        }
    }
    let mut findings = Vec::new();
    for (((file, line, text), port), servers) in clashes {
        let servers: Vec<String> = servers.into_iter().collect();
        let message = format!("'{text}': port {port} is fixed for {} of one test", servers.join(" and "));
        findings.push(Finding::new(PORT_OF_TWO_SERVERS, &file, message).at(line, 1));
    }
    for (port, places) in users {
        let tests: BTreeSet<&String> = places.values().flatten().collect();
        if tests.len() < 2 {
            continue;
        }
        for (place, of_place) in &places {
            let (file, line, text) = place;
            let others: Vec<String> = places
                .keys()
                .filter(|other| *other != place)
                .map(|(file, line, _)| format!("{}:{line}", words::file_name(file)))
                .collect();
            let whose = match of_place.len() {
                1 => String::new(),
                several => format!(" for {several} tests"),
            };
            let also =
                if others.is_empty() { String::new() } else { format!(", and in {}", others.join(", ")) };
            let message = format!("'{text}': port {port} is fixed here{whose}{also}");
            findings.push(Finding::new(PORT_OF_TWO_TESTS, file, message).at(*line, 1));
        }
    }
    findings
}

/// One `mysqld.N` of a template.
struct Server {
    name: BString,
    takes_slave_options: bool,
    /// What the template fixes.
    ports: Ports,
    /// The template's options that load plugins.
    loading: Vec<BString>,
}

impl Server {
    /// The ports with the options of a test, which override the template's.
    fn with_options(&self, case: &TestCase) -> Ports {
        let list = if self.takes_slave_options { &case.slave_opt } else { &case.master_opt };
        let mut ports = self.ports.clone();
        for option in list {
            let place = place_of(option);
            set(&mut ports, &option.text, place);
        }
        ports
    }
}

fn place_of(option: &ServerOption) -> Option<Place> {
    let (Origin::OptionFile(location) | Origin::Combination { location, .. }) = &*option.origin else {
        return None;
    };
    place(location, &option.text)
}

fn place(location: &Location, text: &BString) -> Option<Place> {
    Some((plain(&location.file), location.line?, text.clone()))
}

/// Whether the option of that name makes the server listen: it is the server's own, or of a plugin that the server loads,
/// as far as names tell. An option of a plugin that is not loaded fixes nothing.
fn listens(name: &BString, case: &TestCase, server: &Server, view: &View) -> bool {
    if let Some(dialect) = &view.dialect
        && matches!(dialect.own.meaning(name).resolved, Resolved::Known(_))
    {
        return true;
    }
    let list = if server.takes_slave_options { &case.slave_opt } else { &case.master_opt };
    let of_options = list.iter().map(|option| &option.text);
    of_options.chain(&server.loading).any(|option| {
        let given = words::name(option).replace("_", "-");
        let given = given.strip_prefix(b"loose-").unwrap_or(&given);
        let libraries = expand(words::value(option).unwrap_or_default().as_bstr(), &view.env);
        matches!(given, b"plugin-load" | b"plugin-load-add")
            && libraries.split(|byte| matches!(byte, b';' | b'=')).any(|library| {
                let library = library.to_ascii_lowercase().replace("_", "-");
                let library = library.strip_suffix(b".so").unwrap_or(&library);
                let library = library.strip_prefix(b"ha-").unwrap_or(library);
                !library.is_empty() && name.starts_with(library)
            })
    })
}

/// Takes note of an option that fixes a port, or frees it again.
fn set(ports: &mut Ports, text: &BString, place: Option<Place>) {
    let name = words::name(text).replace("_", "-");
    let name = name.strip_prefix(b"loose-").unwrap_or(&name);
    if name == b"port" || name.ends_with(b"-port") {
        let claim = claimed_port(text).zip(place);
        ports.insert(name.into(), claim);
    }
}

fn servers_of(template: &Path, view: &View) -> Vec<Server> {
    let Ok(config) = config_file::read(template, &view.layout.test_dir) else { return Vec::new() };
    let names =
        config.option_groups().map(|group| group.name.clone()).filter(|name| name.starts_with(b"mysqld."));
    names.map(|name| server(name, &config)).collect()
}

fn server(name: BString, config: &ConfigFile) -> Server {
    let mut ports = Ports::new();
    let mut loading = Vec::new();
    for group in [Some(config.group("mysqld")), Some(config.group(&name))].into_iter().flatten().flatten() {
        for option in &group.options {
            let value = option.value.as_ref().map(|value| value.as_slice()).unwrap_or_default();
            let text = BString::from([b"--", option.name.as_slice(), b"=", value].concat());
            let place = place(&option.location, &text);
            set(&mut ports, &text, place);
            if text.contains_str("plugin") {
                loading.push(text);
            }
        }
    }
    let takes_slave_options =
        config.group(&name).is_some_and(|group| group.option("#!use-slave-opt").is_some());
    Server { name, takes_slave_options, ports, loading }
}
