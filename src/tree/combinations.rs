//! Combinations: several instances of one test, each with other server options (runner §5).

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use bstr::{BStr, BString, ByteSlice};

use crate::case::{Origin, ServerOption, Skip, TestCase};
use crate::error::Result;
use crate::grammar::mycnf::{ConfigFile, ConfigOption};
use crate::tree::config_file;

/// One section of a combinations file, or one `--combination`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Combination {
    /// The section's name.
    pub name: String,
    /// Its options, put in front of the test's.
    pub options: Vec<ServerOption>,
    /// The section is the overlay's own.
    pub in_overlay: bool,
}

/// What one combinations file (or the command line) offers a test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Group {
    /// One instance for each; none: the group has no influence.
    Of(Vec<Combination>),
    /// The test is skipped for this reason.
    Skip(String),
}

impl Group {
    /// The group of a file that is not there.
    pub const NONE: Group = Group::Of(Vec::new());

    /// The sections, none for a skipping group.
    pub fn sections(&self) -> &[Combination] {
        match self {
            Group::Of(combinations) => combinations,
            Group::Skip(_) => &[],
        }
    }

    /// Reads a combinations file; sections for which `is_dropped` answers true do not count, and a
    /// file that loses all of them skips the test.
    ///
    /// # Errors
    /// The file is malformed (runner §7.1).
    pub fn read(
        path: &Path,
        test_dir: &Path,
        in_overlay: bool,
        is_dropped: impl Fn(&str) -> bool,
    ) -> Result<Group> {
        Ok(Group::of(&config_file::read(path, test_dir)?, path, in_overlay, is_dropped))
    }

    /// What the combinations file `path` offers, as [`Group::read`].
    pub fn of(file: &ConfigFile, path: &Path, in_overlay: bool, is_dropped: impl Fn(&str) -> bool) -> Group {
        let combinations: Vec<Combination> = file
            .option_groups()
            .map(|group| (group.name.to_str_lossy().into_owned(), group))
            .filter(|(name, _)| !is_dropped(name))
            .map(|(name, group)| {
                let options = group.options.iter().map(|option| server_option(&name, option)).collect();
                Combination { name, options, in_overlay }
            })
            .collect();
        if !combinations.is_empty() {
            return Group::Of(combinations);
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let base = name.strip_suffix(".combinations").unwrap_or(&name);
        // The suite-level file is called just `combinations`.
        Group::Skip(format!("Requires: {base}"))
    }
}

fn server_option(section: &str, option: &ConfigOption) -> ServerOption {
    // Sections may write options with their dashes: innodb/t/trx_id_future.combinations does.
    let mut text = BString::from(if option.name.starts_with(b"--") { "" } else { "--" });
    text.extend_from_slice(&option.name);
    if let Some(value) = &option.value {
        text.push(b'=');
        text.extend_from_slice(value);
    }
    let origin = Origin::Combination { name: section.to_owned(), location: option.location.clone() };
    ServerOption { text, origin: Arc::new(origin) }
}

/// A test on its way to being an instance.
#[derive(Debug, Clone)]
pub struct CombinedCase {
    /// What it will be.
    pub case: TestCase,
    /// Something of it comes from the overlay; without, an overlay's instance is not kept (runner §13).
    pub in_overlay: bool,
    /// A reason that was noted without skipping (`--enable-disabled`): it wins over later ones.
    pub noted: String,
}

impl CombinedCase {
    /// Skips the instance; a reason that it has already stays.
    pub fn skip(&mut self, reason: &str) {
        let skip =
            self.case.skip.get_or_insert_with(|| Skip { disabled: false, comment: self.noted.clone() });
        if skip.comment.is_empty() {
            skip.comment = reason.to_owned();
        }
    }

    /// Skips the instance for this reason, whatever it had before.
    pub fn skip_with(&mut self, reason: &str) {
        let disabled = self.case.skip.as_ref().is_some_and(|skip| skip.disabled);
        self.case.skip = Some(Skip { disabled, comment: reason.to_owned() });
    }
}

/// Combination names that are fixed for all instances of a test: those the command line names, and
/// those that an instance turned out to have.
///
/// It is shared by all instances and groups of the test. So binlog.binlog_check_constraint_checks_flag,
/// which has `row`, `stmt` and `mix` from its suite and again from `rpl_init.combinations`, runs as
/// `row,row`, `row,stmt` and `mix,row`: its first instance has the options of `row`, and that
/// forces `row` on the others.
#[derive(Debug, Default)]
pub struct Forced(BTreeMap<String, bool>);

impl Forced {
    /// Starts with the names given after the test's name on the command line.
    pub fn new(names: &[String]) -> Forced {
        Forced(names.iter().map(|name| (name.clone(), false)).collect())
    }

    /// The names that no group offered, in order.
    pub fn unused(&self) -> Vec<&str> {
        self.0.iter().filter(|(_, used)| !**used).map(|(name, _)| name.as_str()).collect()
    }
}

/// The most instances that a test may have. Groups multiply: five files of twenty sections would be three million.
/// No test of MariaDB's has more than a hundred.
pub const MOST_INSTANCES: usize = 1000;

/// A test would have more than [`MOST_INSTANCES`] instances.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooMany;

/// Replaces every instance by those that the group makes of it (runner §5.3).
///
/// # Errors
/// There would be more than [`MOST_INSTANCES`].
pub fn expand(
    instances: Vec<CombinedCase>,
    group: &Group,
    forced: &mut Forced,
) -> Result<Vec<CombinedCase>, TooMany> {
    let combinations = match group {
        Group::Of(combinations) if combinations.is_empty() => return Ok(instances),
        Group::Of(combinations) => combinations,
        Group::Skip(reason) => {
            let mut instances = instances;
            instances.iter_mut().for_each(|instance| instance.skip(reason));
            return Ok(instances);
        }
    };
    let mut expanded = Vec::new();
    for instance in instances {
        expand_one(instance, combinations, forced, &mut expanded)?;
    }
    Ok(expanded)
}

fn expand_one(
    mut instance: CombinedCase,
    group: &[Combination],
    forced: &mut Forced,
    out: &mut Vec<CombinedCase>,
) -> Result<(), TooMany> {
    let mut group = group;
    for (at, combination) in group.iter().enumerate() {
        // Rule 3a: what the group would change is fixed already. rpl.rpl_test_framework, which sources
        // rpl_init.inc nineteen times, is `stmt` nineteen times over.
        if !combination.options.is_empty()
            && contains_all(&instance.case.master_opt, &combination.options)
            && contains_all(&instance.case.slave_opt, &combination.options)
        {
            forced.0.insert(combination.name.clone(), true);
            instance.case.combinations.push(combination.name.clone());
            out.push(instance);
            return Ok(());
        }
        if let Some(used) = forced.0.get_mut(&combination.name) {
            *used = true;
            group = &group[at..=at];
            break;
        }
    }
    if instance.case.skip.is_some() {
        out.push(instance);
        return Ok(());
    }
    if out.len() + group.len() > MOST_INSTANCES {
        return Err(TooMany);
    }
    out.extend(group.iter().map(|combination| {
        let mut copy = instance.clone();
        for list in [&mut copy.case.master_opt, &mut copy.case.slave_opt] {
            list.splice(0..0, combination.options.iter().cloned());
        }
        copy.case.combinations.push(combination.name.clone());
        copy.in_overlay |= combination.in_overlay;
        copy
    }));
    Ok(())
}

/// Whether every one of `options` occurs in `list`, as a pair of name and value.
fn contains_all(list: &[ServerOption], options: &[ServerOption]) -> bool {
    options.iter().all(|option| {
        let pair = split(option.text.as_ref());
        list.iter().any(|other| split(other.text.as_ref()) == pair)
    })
}

/// Name and value of an option: split at the *last* `=`, `--n` like `--n=`, `$X` like `--X`.
///
/// The reference aborts on words of any other shape; here they are a name (`--combination` can so be
/// used with suite main: mysqldump-compat-102.opt has such a word).
fn split(option: &BStr) -> (&[u8], &[u8]) {
    if let Some(option) = option.strip_prefix(b"--") {
        return option.rsplit_once_str("=").unwrap_or((option, b""));
    }
    match option.strip_prefix(b"$") {
        Some(variable) => (variable, b""),
        None => option.rsplit_once_str("=").unwrap_or((option, b"")),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::tree::testing::{Tree, arguments, suites};

    const FORMATS: &str =
        "[row]\nbinlog-format=row\n[stmt]\nbinlog-format=statement\n[mix]\nbinlog-format=mixed\n";

    #[test]
    fn options_are_compared_by_name_and_value() {
        let pair = |option: &'static str| {
            let (name, value) = split(option.into());
            (name.to_str_lossy().into_owned(), value.to_str_lossy().into_owned())
        };
        let of = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(pair("--a=b=c"), of("a=b", "c"));
        assert_eq!(pair("--a"), pair("--a="));
        assert_eq!(pair("$X=1"), of("X=1", ""));
        assert_eq!(pair("a=b"), of("a", "b"));
        assert_eq!(pair("-V10.2.1-MariaDB"), of("-V10.2.1-MariaDB", ""));
    }

    #[test]
    fn groups_multiply() {
        let tree = Tree::new(&[
            ("suite/s/a.test", "--source b.inc"),
            ("suite/s/b.inc", ""),
            ("suite/s/a.combinations", "[x]\n[y]\nopt\n"),
            ("suite/s/b.combinations", "[p]\np=1\n[q]\n--q=1\n"),
        ]);
        let names = tree.names(suites("s"));
        assert_eq!(names, ["s.a 'p,y'", "s.a 'q,y'", "s.a 'p,x'", "s.a 'q,x'"]);
        let case = tree.collect(suites("s")).unwrap().cases.swap_remove(0);
        // The group of the include is expanded last, and its options come first.
        assert_eq!(case.combinations, ["y", "p"]);
        let options: Vec<_> = case.master_opt.iter().map(|option| option.text.to_string()).collect();
        assert_eq!(options, ["--p=1", "--opt"]);
        assert_eq!(case.master_opt, case.slave_opt);
    }

    /// runner §5.3: a test whose options fix the format runs only in that format.
    #[test]
    fn options_of_the_test_choose_the_combination() {
        let tree = Tree::new(&[
            ("suite/s/a.test", ""),
            ("suite/s/a.opt", "--binlog-format=mixed"),
            ("suite/s/b.test", ""),
            ("suite/s/b-master.opt", "--binlog-format=mixed"),
            ("suite/s/combinations", FORMATS),
        ]);
        let mut names = tree.names(suites("s"));
        names.sort();
        // Only the master has it: the slave's would still change.
        assert_eq!(names, ["s.a 'mix'", "s.b 'mix'", "s.b 'row'", "s.b 'stmt'"]);
    }

    /// binlog.binlog_check_constraint_checks_flag
    #[test]
    fn a_fixed_combination_forces_its_name_on_the_other_instances() {
        let tree = Tree::new(&[
            ("suite/s/a.test", "--source i.inc"),
            ("suite/s/i.inc", ""),
            ("suite/s/combinations", FORMATS),
            ("suite/s/i.combinations", FORMATS),
        ]);
        let mut names = tree.names(suites("s"));
        names.sort();
        assert_eq!(names, ["s.a 'mix,row'", "s.a 'row,row'", "s.a 'row,stmt'"]);
    }

    #[test]
    fn names_on_the_command_line_choose_combinations() {
        let tree = Tree::new(&[("suite/s/a.test", ""), ("suite/s/combinations", FORMATS)]);
        assert_eq!(tree.names(arguments(&["s.a,mix"])), ["s.a 'mix'"]);
        assert_eq!(
            tree.names(arguments(&["s.a,mix,zzz"])),
            ["error: could not run s.a with 'zzz' combination(s)", "its combinations are mix, row, stmt"]
        );
        let skipping = |settings: &mut crate::cli::settings::Settings| {
            arguments(&["s.a,zzz"])(settings);
            settings.skip_not_found = true;
        };
        assert_eq!(tree.names(skipping), ["s.a 'zzz' [combination not found]"]);
    }

    /// Five files of twenty sections: three million instances, of which none is made.
    #[test]
    fn more_instances_than_a_test_may_have_are_refused() {
        let names = ["a", "b", "c", "d", "e"];
        let sections: String = (0..20).map(|number| format!("[s{number}]\nopt={number}\n")).collect();
        let test: String = names.iter().map(|name| format!("--source {name}.inc\n")).collect();
        let mut files =
            vec![("suite/s/many.test".to_owned(), test), ("suite/s/few.test".to_owned(), String::new())];
        for name in names {
            files.push((format!("suite/s/{name}.inc"), String::new()));
            files.push((format!("suite/s/{name}.combinations"), sections.replace("opt", name)));
        }
        let files: Vec<(&str, &str)> =
            files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        let tree = Tree::new(&files);
        let cases = tree.collect(suites("s")).unwrap().cases;
        assert_eq!(cases.len(), 2);
        let many = cases.iter().find(|case| case.short_name == "many").unwrap();
        let told = many.broken.as_ref().unwrap();
        let shown = told.replace(&tree.dir.path().display().to_string(), "");
        assert_eq!(
            shown,
            "/mysql-test/suite/s/many.test: s.many has more than 1000 combinations\n\
             hint: its combinations files have 20 × 20 × 20 × 20 × 20 sections, and each multiplies the others"
        );
    }

    #[test]
    fn the_command_line_replaces_all_files() {
        let tree = Tree::new(&[("suite/s/a.test", ""), ("suite/s/combinations", FORMATS)]);
        let names = tree.names(|settings| {
            suites("s")(settings);
            settings.combination = vec!["--x=1".into(), "--y".into()];
        });
        assert_eq!(names, ["s.a '--x=1'", "s.a '--y'"]);
    }
}
