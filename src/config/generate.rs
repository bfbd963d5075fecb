//! From a template to the configuration of one worker's servers (runner §7.2, §7.3).
//!
//! The order of everything is part of the contract: options are read by servers top down, and
//! ports are handed out in the order in which they are asked for.

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use bstr::{BStr, BString, ByteSlice};

use super::server_group::{ServerGroup, path_of};
use crate::component::is_component;
use crate::env::Env;
use crate::error::{Error, Location, Result};
use crate::grammar::mycnf::{ConfigFile, ConfigOption, Group};
use crate::tree::layout::{Layout, build_types};

/// The most bytes that a value may have after its references were replaced: 64 KiB. No argument of a program may have
/// more than twice as many.
const MOST_OF_VALUE: usize = 64 << 10;

/// The most bytes that all values with references may have together: 4 MiB.
const MOST_OF_VALUES: usize = 4 << 20;

/// The most servers that a test may have. Those of MariaDB's tree have up to 16.
const MOST_SERVERS: usize = 100;

/// Where below basedir the error messages and character sets may be (runner §9.1).
const SHARE_DIRS: [&str; 4] = ["share/mariadb", "share/mysql", "sql/share", "share"];

/// Everything a configuration is made from.
#[derive(Debug, Clone, Copy)]
pub struct ConfigInputs<'a> {
    /// The parsed template; see [`crate::tree::config_file::read`].
    pub template: &'a ConfigFile,
    /// The template's file, for messages.
    pub template_path: &'a Path,
    /// The installation.
    pub layout: &'a Layout,
    /// The worker's vardir.
    pub vardir: &'a Path,
    /// The worker's tmpdir: sockets, and the temporary directories of servers.
    pub tmpdir: &'a Path,
    /// The first port to hand out; 0 where no server of this configuration will run.
    pub first_port: u32,
    /// The account that servers are spoken to with (`--user`).
    pub user: &'a str,
    /// Plugins that are switched off by default ([`crate::tree::probe::ServerFacts`]).
    pub optional_plugins: &'a [String],
    /// What `@ENV.NAME` means where the template's `[ENV]` has no such option.
    pub env: &'a Env,
}

/// A configuration in which every `@` is resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    file: ConfigFile,
    servers: Vec<ServerGroup>,
    next_port: u32,
    warnings: Vec<String>,
    /// Paths of ours with a `#`, which begins a comment in option files.
    with_hash: Vec<BString>,
}

/// Makes the configuration that `inputs.template` describes.
///
/// # Errors
///
/// More servers than anybody can mean, a `@group.option` that does not exist, values that grow without measure by what they refer to, a port that is no
/// number, and a share directory without error messages or character sets.
pub fn generate(inputs: &ConfigInputs<'_>) -> Result<Config> {
    let servers = inputs.template.groups().iter().filter(|group| is_server(group)).count();
    if servers > MOST_SERVERS {
        return Err(Error::new(format!(
            "{servers} servers are more than the {MOST_SERVERS} that a test may have"
        ))
        .at(inputs.template_path, None)
        .hint("each [mysqld.…] group is a server"));
    }
    let mut work = Work { inputs, file: inputs.template.clone(), next_port: inputs.first_port, next_id: 1 };
    for plugin in inputs.optional_plugins {
        work.set("mysqld", &format!("loose-skip-plugin-{plugin}"), None);
    }
    for index in 0..work.file.groups().len() {
        if is_server(&work.file.groups()[index]) {
            check_name(&work.file.groups()[index], inputs.template_path)?;
            work.complete_server(index)?;
        }
    }
    work.complete_clients()?;
    work.resolve()?;
    work.finish()
}

fn is_server(group: &Group) -> bool {
    group.name.starts_with(b"mysqld.")
}

/// A server's directories, logs and sockets have its name.
fn check_name(group: &Group, template: &Path) -> Result<()> {
    match group.name.to_str() {
        Ok(name) if is_component(name) => Ok(()),
        _ => {
            let place = group.options.first().map(|option| option.location.clone());
            let (file, line) = place.map_or((template.to_owned(), None), |place| (place.file, place.line));
            Err(Error::new(format!("[{}] cannot be the name of a server", group.name.escape_bytes()))
                .at(file, line)
                .hint("its files have this name: no slashes, no control characters, at most 200 bytes"))
        }
    }
}

/// Makes a value from what was made before it and from the options of the server's group so far.
type Rule = fn(&mut Work<'_>, &Group) -> Result<BString>;

/// What every `[mysqld.N]` has, in the order in which absent ones are appended.
const SERVER_RULES: [(&str, Rule); 19] = [
    ("basedir", |work, _| Ok(bytes(&work.inputs.layout.basedir))),
    ("tmpdir", |work, group| Ok(work.in_tmpdir(group, ""))),
    ("character-sets-dir", |work, group| work.charsets_dir(group)),
    ("lc-messages-dir", |work, group| work.messages_dir(group)),
    ("datadir", |work, group| Ok(work.in_vardir("", group, "/data"))),
    ("pid-file", |work, group| Ok(work.in_vardir("run/", group, ".pid"))),
    ("#host", |_, _| Ok("localhost".into())),
    ("port", |work, _| Ok(work.take_port())),
    ("socket", |work, group| Ok(work.in_tmpdir(group, ".sock"))),
    ("log-error", |work, group| Ok(work.in_vardir("log/", group, ".err"))),
    ("general-log", |_, _| Ok("1".into())),
    ("plugin-dir", |work, _| Ok(bytes(&work.inputs.layout.plugin_dir))),
    ("general-log-file", |_, group| Ok(beside_datadir(group, "mysqld.log"))),
    ("slow-query-log", |_, _| Ok("1".into())),
    ("slow-query-log-file", |_, group| Ok(beside_datadir(group, "mysqld-slow.log"))),
    ("#user", |work, _| Ok(work.inputs.user.into())),
    ("#password", |_, _| Ok(BString::default())),
    ("server-id", |work, _| Ok(work.free_server_id())),
    ("bind-address", |_, _| Ok("127.0.0.1".into())),
];

/// A configuration in the making.
struct Work<'a> {
    inputs: &'a ConfigInputs<'a>,
    file: ConfigFile,
    next_port: u32,
    next_id: u32,
}

impl Work<'_> {
    fn set(&mut self, group: impl AsRef<[u8]>, name: &str, value: Option<BString>) {
        let option = self.option(name, value);
        self.file.group_or_insert(group).set(option);
    }

    /// An option that is not in the template.
    fn option(&self, name: &str, value: Option<BString>) -> ConfigOption {
        let location = Location { file: self.inputs.template_path.to_owned(), line: None };
        ConfigOption { name: name.into(), value, location }
    }

    fn take_port(&mut self) -> BString {
        self.next_port += 1;
        (self.next_port - 1).to_string().into()
    }

    /// Appends what the server in `groups[index]` does not have yet.
    fn complete_server(&mut self, index: usize) -> Result<()> {
        for (name, rule) in SERVER_RULES {
            let group = &self.file.groups()[index];
            if group.option(name).is_none() {
                let group = group.clone();
                let value = rule(self, &group)?;
                let mut option = self.option(name, Some(value));
                // A path beside the data directory has what the template says of that.
                if let Some(datadir) = group.option("datadir").filter(|_| name.ends_with("-log-file")) {
                    option.location = datadir.location.clone();
                }
                self.file.groups_mut()[index].set(option);
            }
        }
        Ok(())
    }

    /// `vardir/before` + the server's name + `after`.
    fn in_vardir(&self, before: &str, group: &Group, after: &str) -> BString {
        named(self.inputs.vardir, before, group, after)
    }

    /// The same in the tmpdir.
    fn in_tmpdir(&self, group: &Group, after: &str) -> BString {
        named(self.inputs.tmpdir, "", group, after)
    }

    /// The directory of character sets of the group's basedir.
    fn charsets_dir(&self, group: &Group) -> Result<BString> {
        let basedir = value_or(group, "basedir", &self.inputs.layout.basedir);
        find_share(&basedir, Some("charsets"), &self.inputs.layout.multiconfig).map(|dir| bytes(&dir))
    }

    /// The directory above the error messages; ends in a slash.
    fn messages_dir(&self, group: &Group) -> Result<BString> {
        let layout = self.inputs.layout;
        // With `MTR_BINDIR`, bindir is where that points to, whatever basedir the group has.
        let base = if layout.bindir == layout.basedir {
            value_or(group, "basedir", &layout.basedir)
        } else {
            layout.bindir.clone()
        };
        find_share(&base, None, &layout.multiconfig).map(|dir| bytes(&dir))
    }

    /// The next number that is no group's `server-id`.
    fn free_server_id(&mut self) -> BString {
        loop {
            let id = BString::from(self.next_id.to_string());
            self.next_id += 1;
            if !self.file.groups().iter().any(|g| g.value("server-id") == Some(id.as_bstr())) {
                return id;
            }
        }
    }

    /// The groups of client programs, and a `[client.N]` beside every `[mysqld.N]`.
    fn complete_clients(&mut self) -> Result<()> {
        let inputs = self.inputs;
        self.file.group_or_insert("mysqlbinlog");
        self.set_absent("mysql_upgrade", "tmpdir", bytes(inputs.tmpdir));
        let client = self.file.group_or_insert("client").clone();
        if client.option("character-sets-dir").is_none() {
            let dir = self.charsets_dir(&client)?;
            self.set("client", "character-sets-dir", Some(dir));
        }
        self.set_absent("client", "plugin-dir", bytes(&inputs.layout.client_plugin_dir));
        self.file.group_or_insert("mysqltest");

        let servers: Vec<Group> = self.file.groups().iter().filter(|g| is_server(g)).cloned().collect();
        if let Some(first) = servers.first() {
            self.copy_to_client("client".into(), first);
        }
        for server in &servers {
            self.copy_to_client([b"client", &server.name[b"mysqld".len()..]].concat().into(), server);
        }
        Ok(())
    }

    fn set_absent(&mut self, group: &str, name: &str, value: BString) {
        if self.file.group_or_insert(group).option(name).is_none() {
            self.set(group, name, Some(value));
        }
    }

    /// What a client needs to reach `server`. The reference writes these five in random order.
    fn copy_to_client(&mut self, client: BString, server: &Group) {
        for (to, from) in [
            ("port", "port"),
            ("socket", "socket"),
            ("host", "#host"),
            ("user", "#user"),
            ("password", "#password"),
        ] {
            let (value, location) = match server.option(from) {
                Some(option) => (option.value.clone(), option.location.clone()),
                None => (None, self.option(to, None).location),
            };
            self.file.group_or_insert(&client).set(ConfigOption { name: to.into(), value, location });
        }
    }

    /// Replaces `@group.option` in all values, in one pass, top down. A value that was not resolved
    /// yet is taken as it is.
    fn resolve(&mut self) -> Result<()> {
        let mut left = MOST_OF_VALUES;
        for group in 0..self.file.groups().len() {
            if self.file.groups()[group].name == "OPT" {
                continue;
            }
            for option in 0..self.file.groups()[group].options.len() {
                let ConfigOption { value: Some(value), location, .. } =
                    &self.file.groups()[group].options[option]
                else {
                    continue;
                };
                // What was made from our own paths has no line in the template: an `@` in them is no reference.
                if !value.contains(&b'@') || location.line.is_none() {
                    continue;
                }
                let (value, location) = (value.clone(), location.clone());
                let resolved =
                    self.resolve_value(&value, left).map_err(|e| e.at(location.file, location.line))?;
                left = left.saturating_sub(resolved.len());
                self.file.groups_mut()[group].options[option].value = Some(resolved);
            }
        }
        Ok(())
    }

    /// The value with its references replaced; all values may have `left` more bytes. A reference to something without a value takes
    /// the text before it along, and a value with an `@` but no reference becomes empty.
    fn resolve_value(&mut self, value: &[u8], left: usize) -> Result<BString> {
        let room = left.min(MOST_OF_VALUE);
        let mut result = BString::default();
        let mut rest = value;
        let mut found = false;
        while let Some(reference) = Reference::find(rest) {
            if let Some(value) = self.look_up(&reference)? {
                result.extend_from_slice(&rest[..reference.start]);
                if result.len() + value.len() + rest.len() - reference.end > room {
                    return Err(Error::new(format!(
                        "the value becomes longer than {room} bytes when '@{}.{}' is replaced",
                        reference.group, reference.option
                    ))
                    .hint(
                        "a value that refers twice to one that refers twice to another doubles each time",
                    ));
                }
                result.extend_from_slice(&value);
            }
            rest = &rest[reference.end..];
            found = true;
        }
        if found {
            result.extend_from_slice(rest);
        }
        Ok(result)
    }

    fn look_up(&mut self, reference: &Reference<'_>) -> Result<Option<BString>> {
        let Reference { group: group_name, option: name, .. } = *reference;
        match group_name.as_bytes() {
            b"OPT" if name == "port" => return Ok(Some(self.take_port())),
            b"OPT" => {
                return Err(Error::new(format!("No option named '{name}' in group 'OPT'"))
                    .hint("the only one is @OPT.port, the next free port"));
            }
            _ => {}
        }
        let Some(group) = self.file.group(group_name) else {
            return Err(Error::new(format!(
                "There is no group named '{group_name}' that can be used to resolve '{name}'"
            ))
            .hint("write @GROUP.OPTION with a [GROUP] of this template, @ENV.NAME or @OPT.port"));
        };
        match group.option(name) {
            Some(option) => Ok(option.value.clone()),
            None if group_name == "ENV" => {
                Ok(self.inputs.env.get(name.to_os_str_lossy()).map(|v| v.as_bytes().into()))
            }
            None => Err(Error::new(format!("No option named '{name}' in group '{group_name}'"))),
        }
    }

    fn finish(self) -> Result<Config> {
        let servers = self.file.groups().iter().filter(|g| is_server(g)).map(ServerGroup::new);
        let servers = servers.collect::<Result<_>>()?;
        let unset = self.file.group("ENV").map_or(&[][..], |env| &env.options).iter();
        let warnings = unset.filter(|o| o.value.is_none()).map(|o| {
            let file = self.inputs.template_path.display();
            format!("Uninitialized value for  {} , group [ENV], file  {file}", o.name)
        });
        let ConfigInputs { vardir, tmpdir, layout, .. } = *self.inputs;
        let paths = [vardir, tmpdir, &layout.basedir, &layout.bindir, &layout.test_dir, &layout.plugin_dir];
        let with_hash = paths.into_iter().map(bytes).filter(|path| path.contains(&b'#')).collect();
        Ok(Config {
            warnings: warnings.collect(),
            servers,
            next_port: self.next_port,
            file: self.file,
            with_hash,
        })
    }
}

fn named(dir: &Path, before: &str, group: &Group, after: &str) -> BString {
    [dir.as_os_str().as_bytes(), b"/", before.as_bytes(), &group.name, after.as_bytes()].concat().into()
}

/// The value as a path, or `default` where there is none or an empty one.
fn value_or(group: &Group, name: &str, default: &Path) -> PathBuf {
    match group.value(name) {
        Some(value) if !value.is_empty() => path_of(value),
        _ => default.to_owned(),
    }
}

fn beside_datadir(group: &Group, file: &str) -> BString {
    let datadir = group.value("datadir").map(path_of).unwrap_or_default();
    bytes(&datadir.parent().unwrap_or(Path::new(".")).join(file))
}

/// A value in which `#` is no comment; one that a template has in quotes stays.
fn quoted(value: &BString) -> BString {
    match value.as_slice() {
        [quote @ (b'"' | b'\''), .., last] if quote == last => value.clone(),
        _ => [b"\"", value.replace("\"", "\\\"").as_slice(), b"\""].concat().into(),
    }
}

fn bytes(path: &Path) -> BString {
    path.as_os_str().as_bytes().into()
}

/// The first share directory below `base` that exists and has `inside`; with a trailing slash
/// where `inside` is `None`. `multiconfig` is the directory of a multi-config build, or empty.
///
/// # Errors
/// There is none; the message names the places searched.
pub fn find_share(base: &Path, inside: Option<&str>, multiconfig: &str) -> Result<PathBuf> {
    let builds = build_types(multiconfig);
    let in_builds =
        SHARE_DIRS.iter().flat_map(|dir| builds.iter().map(move |build| format!("{dir}/{build}")));
    let candidates = SHARE_DIRS.iter().map(ToString::to_string).chain(in_builds);
    for dir in candidates {
        let path = base.join(dir).join(inside.unwrap_or(""));
        if path.is_dir() {
            return Ok(path);
        }
    }
    let what = inside.map_or("error messages".to_owned(), |dir| format!("'{dir}'"));
    Err(Error::new(format!("no directory of {what} below {}", base.display()))
        .hint(format!("looked in {}; is the basedir right?", SHARE_DIRS.join(", "))))
}

/// One `@group.option` of a value: what it names and where it stands.
#[derive(Debug, PartialEq, Eq)]
struct Reference<'a> {
    start: usize,
    end: usize,
    group: &'a BStr,
    option: &'a BStr,
}

impl<'a> Reference<'a> {
    /// The first reference in `value`: `@`, words that each end in a dot, and an option name.
    fn find(value: &'a [u8]) -> Option<Self> {
        value.find_iter(b"@").find_map(|start| Reference::at(value, start))
    }

    fn at(value: &'a [u8], start: usize) -> Option<Self> {
        let is_word = |b: &u8| b.is_ascii_alphanumeric() || *b == b'_';
        let length = |from: usize, inside: &dyn Fn(&u8) -> bool| {
            value[from..].iter().take_while(|b| inside(b)).count()
        };
        // The last dot that an option name follows ends the group: in `@a.b.` it is the first.
        let mut found = None;
        let mut word = start + 1;
        loop {
            let dot = word + length(word, &is_word);
            if dot == word || value.get(dot) != Some(&b'.') {
                return found;
            }
            word = dot + 1;
            let private = usize::from(value.get(word) == Some(&b'#'));
            let name = length(word + private, &|b| is_word(b) || *b == b'-');
            if name > 0 {
                let end = word + private + name;
                found = Some(Reference {
                    start,
                    end,
                    group: value[start + 1..dot].as_bstr(),
                    option: value[word..end].as_bstr(),
                });
            }
        }
    }
}

impl Config {
    /// The text of `my.cnf`: all groups but `ENV` and `OPT`, each followed by an empty line.
    /// Private and magic options are in it; servers take them for comments.
    pub fn to_bytes(&self) -> BString {
        let mut text = BString::default();
        for group in self.file.option_groups() {
            text.push(b'[');
            text.extend_from_slice(&group.name);
            text.extend_from_slice(b"]\n");
            for option in &group.options {
                text.extend_from_slice(&option.name);
                if let Some(value) = &option.value {
                    text.push(b'=');
                    match self.with_hash.iter().any(|path| value.contains_str(path)) {
                        true => text.extend_from_slice(&quoted(value)),
                        false => text.extend_from_slice(value),
                    }
                }
                text.push(b'\n');
            }
            text.push(b'\n');
        }
        text
    }

    /// The options of `[ENV]` in order: variables for everything that is run with this
    /// configuration. One without a value is in [`Config::warnings`] too.
    pub fn environment(&self) -> Vec<(BString, Option<BString>)> {
        let options = self.file.group("ENV").map_or(&[][..], |group| &group.options);
        options.iter().map(|o| (o.name.clone(), o.value.clone())).collect()
    }

    /// The servers, in the order in which they are started.
    pub fn servers(&self) -> &[ServerGroup] {
        &self.servers
    }

    /// All groups, for servers of other kinds (`searchd` of the suite `sphinx`).
    pub fn file(&self) -> &ConfigFile {
        &self.file
    }

    /// The first port that was not handed out, for a check against the size of the lease.
    pub fn next_port(&self) -> u32 {
        self.next_port
    }

    /// What the reference warns of while it exports `[ENV]`.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
