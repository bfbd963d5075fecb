//! Ports that configuration templates fix, for the scheduler.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use bstr::{BString, ByteSlice};

use crate::case::{ServerOption, TestCase};
use crate::grammar::mycnf::ConfigFile;
use crate::plan::claims::claimed_port;
use crate::tree::config_file;

/// The templates of a run, each read once.
pub struct TemplatePorts<'a> {
    test_dir: &'a Path,
    templates: HashMap<PathBuf, Fixed>,
}

/// What a template fixes.
#[derive(Debug, Default)]
struct Fixed {
    /// Each option that claims a port: its name without `loose-`, whether it had that, and the port.
    ports: Vec<(BString, bool, u16)>,
    /// Values of the options that load plugins.
    loaded: Vec<BString>,
}

impl<'a> TemplatePorts<'a> {
    /// No templates yet; `test_dir` is where their `!include`s are looked for.
    pub fn new(test_dir: &'a Path) -> Self {
        TemplatePorts { test_dir, templates: HashMap::new() }
    }

    /// The ports that the template of `case` fixes for its servers.
    ///
    /// A `loose` option counts only where the template or the test loads a plugin of its name: Spider's templates give
    /// HandlerSocket a port in case it is there, and it is not. A template that cannot be read fixes nothing; its tests
    /// fail and say why.
    pub fn of(&mut self, case: &TestCase) -> Vec<u16> {
        let test_dir = self.test_dir;
        let fixed = self.templates.entry(case.template.clone()).or_insert_with(|| {
            config_file::read(&case.template, test_dir).map(|config| Fixed::of(&config)).unwrap_or_default()
        });
        let options = || case.master_opt.iter().chain(&case.slave_opt);
        let taken = |name: &BString| {
            let loads = |option: &ServerOption| {
                loaded_by(&option.text).is_some_and(|libraries| names_plugin_of(&libraries, name))
            };
            options().any(loads) || fixed.loaded.iter().any(|libraries| names_plugin_of(libraries, name))
        };
        let ports = fixed.ports.iter().filter(|(name, loose, _)| !loose || taken(name));
        let ports: BTreeSet<u16> = ports.map(|(_, _, port)| *port).collect();
        ports.into_iter().collect()
    }
}

impl Fixed {
    fn of(config: &ConfigFile) -> Fixed {
        let mut fixed = Fixed::default();
        let groups = config.option_groups();
        for group in groups.filter(|group| group.name == "mysqld" || group.name.starts_with(b"mysqld.")) {
            for option in &group.options {
                let Some(value) = &option.value else { continue };
                let text = BString::from([b"--", option.name.as_slice(), b"=", value.as_slice()].concat());
                fixed.loaded.extend(loaded_by(&text));
                // `#name` is the runner's own.
                if let Some(port) = claimed_port(&text).filter(|_| !option.name.starts_with(b"#")) {
                    let name = option.name.replace("_", "-");
                    let loose = name.strip_prefix(b"loose-");
                    fixed.ports.push((loose.unwrap_or(&name).into(), loose.is_some(), port));
                }
            }
        }
        fixed
    }
}

/// The libraries that an option of a server loads, as written.
fn loaded_by(option: &[u8]) -> Option<BString> {
    let (name, value) = option.strip_prefix(b"--")?.split_once_str("=")?;
    let name = name.replace("_", "-");
    let name = name.strip_prefix(b"loose-").unwrap_or(&name);
    matches!(name, b"plugin-load" | b"plugin-load-add").then(|| value.into())
}

/// Whether `libraries`, which may be names of variables (`$HANDLERSOCKET_SO`), load the plugin whose option has this
/// name, as far as names tell.
fn names_plugin_of(libraries: &[u8], option: &[u8]) -> bool {
    let separates = |byte: &u8| matches!(byte, b';' | b'=' | b':' | b'/');
    libraries.split(separates).any(|library| {
        let library = library.to_ascii_lowercase().replace("_", "-");
        let library = library.trim_start_with(|c| c == '$');
        let library = library.strip_suffix(b".so").or(library.strip_suffix(b"-so")).unwrap_or(library);
        let library = library.strip_prefix(b"ha-").unwrap_or(library);
        !library.is_empty() && option.starts_with(library)
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::case::Origin;

    fn ports(template: &str, options: &[&str]) -> Vec<u16> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("my.cnf");
        std::fs::write(&path, template).unwrap();
        let option =
            |text: &&str| ServerOption { text: (*text).into(), origin: Arc::new(Origin::CommandLine) };
        let master_opt = options.iter().map(option).collect();
        let case = TestCase { template: path, master_opt, ..TestCase::for_tests("s", "t") };
        TemplatePorts::new(dir.path()).of(&case)
    }

    #[test]
    fn ports_of_servers_are_fixed() {
        let template = "[mysqld]\nextra-port=13001\n[mysqld.1]\nport=13000\n#rest-port=7\n[mysqld.2]\nport=@OPT.port\n\
                        report-port=9308\n[client]\nport=5\n[ENV]\nMY_PORT=6\n";
        assert_eq!(ports(template, &[]), [13000, 13001]);
        assert_eq!(ports("[mysqld.1]\n bad\n", &[]), [0u16; 0]);
    }

    #[test]
    fn a_loose_port_counts_with_its_plugin() {
        let template = "[mysqld.1]\nloose_handlersocket_port= 20000\n";
        assert_eq!(ports(template, &[]), [0u16; 0]);
        for load in [
            "--plugin-load-add=$HANDLERSOCKET_SO",
            "--plugin_load=ha_spider;handlersocket.so",
            "--loose-plugin-load-add=handlersocket",
        ] {
            assert_eq!(ports(template, &[load]), [20000], "{load}");
        }
        assert_eq!(ports(template, &["--plugin-load-add=$SPIDER_SO"]), [0u16; 0]);
        assert_eq!(ports(&format!("{template}plugin-load-add=handlersocket.so\n"), &[]), [20000]);
    }
}
