//! Everything a test gets from the files it sources: tags, options, combination groups (runner §4).

use std::collections::{HashMap, HashSet};
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use bstr::ByteSlice;

use super::combinations::Group;
use super::facts::{Facts, owner, stem};
use super::listing::{Listings, append, below};
use super::optfile;
use super::source::{MOST_SOURCES, Sources, Tags};
use crate::case::ServerOption;
use crate::error::{Error, Result};
use crate::sys::files;

/// Where a scan looks: the suite's directory, and in an overlay the base suite's too.
#[derive(Debug, Clone)]
pub struct Scope {
    /// The suite's directory; the overlay's own one in an overlay.
    pub dir: PathBuf,
    /// The base suite's directory, in an overlay.
    pub parent_dir: Option<PathBuf>,
    /// The suite's `suite.pm` skips it: its combinations files are not read.
    pub skipped: bool,
}

/// What one file gives to every test that sources it: its own and what its includes give.
#[derive(Debug, Default)]
pub struct Scanned {
    /// The file.
    pub path: PathBuf,
    /// Tags of the file and its includes.
    pub tags: Tags,
    /// Options for masters, those of includes first.
    pub master_opt: Vec<ServerOption>,
    /// Options for slaves.
    pub slave_opt: Vec<ServerOption>,
    /// Combination groups in the order of expansion (see [`Gathering`]).
    pub groups: Vec<Rc<Group>>,
    /// Something of it comes from the overlay.
    pub in_overlay: bool,
    /// The files it sources, in order.
    includes: Vec<Rc<Scanned>>,
}

impl Scanned {
    /// The file and everything it sources, each once, in order of appearance.
    pub fn files(&self) -> Vec<PathBuf> {
        let mut files = Vec::new();
        self.visit(&mut HashSet::new(), &mut files);
        files
    }

    fn visit<'s>(&'s self, seen: &mut HashSet<&'s Path>, files: &mut Vec<PathBuf>) {
        if seen.insert(&self.path) {
            files.push(self.path.clone());
            self.includes.iter().for_each(|include| include.visit(seen, files));
        }
    }
}

/// How a file's list of combination groups is made of those of its includes, in the order of their lines, and
/// its own (runner §4.3). Releases differ.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Gathering {
    /// The list is turned round at every file on the way, and a file that is sourced twice gives its groups
    /// twice: a file's own group comes before those of its includes, and those of *their* includes keep the order
    /// of their lines. It decides whether a skipped test is expanded: main.shutdown_debug is, by its own group,
    /// before include/have_debug.inc skips it.
    #[default]
    TurnedRound,
    /// Each group counts once (10.5). The order is random there, and so are the combinations that a skipped test is
    /// shown with; here it is that of the lines.
    Once,
}

impl Gathering {
    /// That of the tree in `test_dir`, told from the reference's own file: it means to sort the groups in later
    /// releases, and turns them round by that.
    pub fn of(test_dir: &Path) -> Gathering {
        match files::read(&test_dir.join("lib/mtr_cases.pm"), files::MOST_OF_SETTINGS) {
            Ok(text) if text.contains_str("[ ::uniq(@combinations) ]") => Gathering::Once,
            _ => Gathering::TurnedRound,
        }
    }

    fn apply(self, groups: &mut Vec<Rc<Group>>) {
        match self {
            Gathering::TurnedRound => groups.reverse(),
            Gathering::Once => {
                let mut once: Vec<Rc<Group>> = Vec::with_capacity(groups.len());
                for group in groups.drain(..) {
                    if !once.iter().any(|other| Rc::ptr_eq(other, &group)) {
                        once.push(group);
                    }
                }
                *groups = once;
            }
        }
    }
}

/// What scanning needs of the tree; shared by all suites.
pub struct Tree<'a> {
    /// The `mysql-test` directory.
    pub test_dir: PathBuf,
    /// Directories of plugins that have suites.
    pub plugin_roots: Vec<PathBuf>,
    /// Combination files count: neither `--combination` nor `--extern` was given.
    pub read_combinations: bool,
    /// How groups of combinations add up.
    pub gathering: Gathering,
    /// What `suite.pm` files say.
    pub facts: Facts<'a>,
    /// Directory listings.
    pub listings: Listings,
    /// Scripts that were read.
    pub sources: Sources,
    /// Option files that were read.
    options: HashMap<OsString, Rc<Vec<ServerOption>>>,
}

impl<'a> Tree<'a> {
    /// A tree of which nothing was read yet.
    pub fn new(
        test_dir: PathBuf,
        plugin_roots: Vec<PathBuf>,
        read_combinations: bool,
        facts: Facts<'a>,
    ) -> Self {
        Tree {
            gathering: Gathering::of(&test_dir),
            test_dir,
            plugin_roots,
            read_combinations,
            facts,
            listings: Listings::default(),
            sources: Sources::default(),
            options: HashMap::new(),
        }
    }

    /// The options of an option file; none where there is no such file.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn options(&mut self, path: &Path) -> Result<Rc<Vec<ServerOption>>> {
        if let Some(options) = self.options.get(path.as_os_str()) {
            return Ok(Rc::clone(options));
        }
        if !self.listings.has_file(path)? {
            return Ok(Rc::default());
        }
        let options = Rc::new(optfile::read(path)?);
        self.options.insert(path.as_os_str().to_owned(), Rc::clone(&options));
        Ok(options)
    }

    /// The group of a combinations file, after what `suite.pm` files skip of it.
    ///
    /// # Errors
    /// It is malformed.
    pub fn group(&mut self, path: &Path, in_overlay: bool) -> Result<Group> {
        if let Some(reason) = self.facts.skip_reason(path) {
            return Ok(Group::Skip(reason.to_owned()));
        }
        if !self.read_combinations || !self.listings.has_file(path)? {
            return Ok(Group::NONE);
        }
        Group::read(path, &self.test_dir, in_overlay, |section| self.facts.is_dropped(path, section))
    }
}

/// Scans the files of one suite, each once.
///
/// One scan per suite: what a file of `include/` sources depends on the suite that asks, as the
/// suite's own directory is searched before `mysql-test`.
pub struct Scan {
    scope: Scope,
    done: HashMap<OsString, Rc<Scanned>>,
    /// Files being scanned now: one that sources itself, by whatever way, gives nothing to itself.
    open: HashSet<OsString>,
}

/// A file's place in its suite: the directories it may be in, and its path below them.
struct Place {
    prefixes: Vec<PathBuf>,
    suffix: Vec<u8>,
    overlaid: bool,
    own: bool,
}

impl Place {
    /// The file with `extension` for its own, in the directory `prefix`.
    fn beside(&self, prefix: Option<&PathBuf>, extension: &str) -> PathBuf {
        let name = [stem(&self.suffix), extension.as_bytes()].concat();
        match prefix {
            Some(prefix) => append(prefix, name),
            None => PathBuf::from(OsString::from_vec(name)),
        }
    }
}

impl Scan {
    /// A scan of the suite or overlay.
    pub fn new(scope: Scope) -> Scan {
        Scan { scope, done: HashMap::new(), open: HashSet::new() }
    }

    /// Scans a file and everything it sources.
    ///
    /// # Errors
    /// A file cannot be read; an option or combinations file is malformed; a `suite.pm` cannot be
    /// evaluated.
    pub fn file(&mut self, path: &Path, tree: &mut Tree) -> Result<Rc<Scanned>> {
        if let Some(scanned) = self.done.get(path.as_os_str()) {
            return Ok(Rc::clone(scanned));
        }
        if self.open.len() >= MAX_DEPTH {
            return Err(Error::new(format!("more than {MAX_DEPTH} nested `source`s"))
                .at(path, None)
                .hint("the script language itself ends at 64"));
        }
        self.open.insert(path.as_os_str().to_owned());
        let scanned = self.scan(path, tree);
        self.open.remove(path.as_os_str());
        let scanned = Rc::new(scanned?);
        self.done.insert(path.as_os_str().to_owned(), Rc::clone(&scanned));
        Ok(scanned)
    }

    fn scan(&mut self, path: &Path, tree: &mut Tree) -> Result<Scanned> {
        let source = tree
            .sources
            .get(path)
            .map_err(|error| Error::new("cannot read the file").at(path, None).caused_by(error))?;
        let place = self.place(path);
        let mut scanned = Scanned { path: path.to_path_buf(), tags: source.tags, ..Scanned::default() };
        scanned.in_overlay = place.own && place.overlaid;
        if source.includes.len() > MOST_SOURCES {
            return Err(Error::new(format!("it sources more than {MOST_SOURCES} scripts")).at(path, None));
        }
        for include in &source.includes {
            let Some(path) = self.resolve(path, &place, include, tree) else { continue };
            if self.open.contains(path.as_os_str()) {
                continue;
            }
            let include = self.file(&path, tree)?;
            scanned.tags.merge(include.tags);
            scanned.master_opt.extend(include.master_opt.iter().cloned());
            scanned.slave_opt.extend(include.slave_opt.iter().cloned());
            scanned.groups.extend(include.groups.iter().cloned());
            scanned.in_overlay |= include.in_overlay;
            scanned.includes.push(include);
            scanned.bounded()?;
        }
        // A file's own options come after those of its includes: rpl.rpl_ddl overrides its includes'.
        for (extension, master, slave) in
            [(".opt", true, true), ("-master.opt", true, false), ("-slave.opt", false, true)]
        {
            let own = place.beside(place.prefixes.first(), extension);
            let mut files = Vec::new();
            if place.overlaid {
                files.push(place.beside(place.prefixes.get(1), extension));
                scanned.in_overlay |= tree.listings.is_file(&own);
            }
            files.push(own);
            for file in files {
                let options = tree.options(&file)?;
                if master {
                    scanned.master_opt.extend(options.iter().cloned());
                }
                if slave {
                    scanned.slave_opt.extend(options.iter().cloned());
                }
                scanned.bounded()?;
            }
        }
        let own = self.own_group(&place, tree)?;
        if own != Group::NONE {
            scanned.groups.push(Rc::new(own));
        }
        tree.gathering.apply(&mut scanned.groups);
        Ok(scanned)
    }

    fn place(&self, path: &Path) -> Place {
        let Scope { dir, parent_dir, .. } = &self.scope;
        let both = || [dir].into_iter().chain(parent_dir).cloned().collect();
        if let Some(rest) = below(path, dir) {
            let overlaid = parent_dir.is_some();
            return Place { prefixes: both(), suffix: rest.to_vec(), overlaid, own: true };
        }
        match parent_dir.as_ref().and_then(|parent| below(path, parent)) {
            Some(rest) => Place { prefixes: both(), suffix: rest.to_vec(), overlaid: true, own: false },
            None => {
                let suffix = path.as_os_str().as_encoded_bytes().to_vec();
                Place { prefixes: Vec::new(), suffix, overlaid: false, own: false }
            }
        }
    }

    /// Where an include is: beside the file that sources it, else below the suite, the base suite,
    /// or `mysql-test`. The interpreter's `source` searches in the same order.
    fn resolve(&self, path: &Path, place: &Place, include: &[u8], tree: &mut Tree) -> Option<PathBuf> {
        let mut dirs: Vec<PathBuf> = match place.prefixes.as_slice() {
            [] => vec![directory(path.as_os_str().as_encoded_bytes())],
            prefixes => prefixes
                .iter()
                .map(|prefix| directory(append(prefix, &place.suffix).as_os_str().as_encoded_bytes()))
                .collect(),
        };
        dirs.push(self.scope.dir.clone());
        dirs.extend(self.scope.parent_dir.clone());
        dirs.push(tree.test_dir.clone());
        dirs.iter()
            .map(|dir| append(dir, include))
            .find(|candidate| candidate.as_os_str() != path.as_os_str() && tree.listings.exists(candidate))
    }

    fn own_group(&self, place: &Place, tree: &mut Tree) -> Result<Group> {
        let own = place.beside(place.prefixes.first(), ".combinations");
        let skipped = if place.prefixes.is_empty() {
            // The file is another suite's: its suite.pm decides.
            match owner(&own, &tree.test_dir, &tree.plugin_roots) {
                Some((suite, dir)) => tree.facts.of(&suite, &dir)?.skip.is_some(),
                None => false,
            }
        } else {
            self.scope.skipped
        };
        if skipped {
            return Ok(Group::NONE);
        }
        let group = tree.group(&own, place.overlaid)?;
        if !place.overlaid {
            return Ok(group);
        }
        let parent = tree.group(&place.beside(place.prefixes.get(1), ".combinations"), false)?;
        Ok(overlay(group, &parent, false, |section| tree.facts.is_dropped(&own, section)))
    }
}

/// `source`s nested deeper than this are refused.
const MAX_DEPTH: usize = 200;

/// The most groups of combinations that a file and what it sources may have; a file that is sourced twice counts
/// twice.
const MOST_GROUPS: usize = 100_000;

/// The most bytes of the options that a file and what it sources may have; each option counts as 32 more. No server
/// could be started with longer arguments.
const MOST_OPTION_BYTES: usize = 256 << 10;

impl Scanned {
    /// Files that are sourced twice double what they have, and so do those that source these twice.
    ///
    /// # Errors
    /// The file has more options or groups than it may have.
    fn bounded(&self) -> Result<()> {
        let size =
            |options: &[ServerOption]| -> usize { options.iter().map(|option| option.text.len() + 32).sum() };
        let what = if self.groups.len() > MOST_GROUPS {
            format!("more than {MOST_GROUPS} combinations files")
        } else if size(&self.master_opt).max(size(&self.slave_opt)) > MOST_OPTION_BYTES {
            format!("scripts with more than {} KiB of options", MOST_OPTION_BYTES >> 10)
        } else {
            return Ok(());
        };
        Err(Error::new(format!("it sources {what}"))
            .at(&self.path, None)
            .hint("a script that is sourced twice counts twice, and with it all that it sources"))
    }
}

/// The group of an overlay: its own sections and those of the base suite that it does not drop.
pub fn overlay(own: Group, parent: &Group, parent_first: bool, is_dropped: impl Fn(&str) -> bool) -> Group {
    let inherited: Vec<_> =
        parent.sections().iter().filter(|section| !is_dropped(&section.name)).cloned().collect();
    match (own, parent) {
        (Group::Of(own), Group::Skip(reason)) if own.is_empty() => Group::Skip(reason.clone()),
        (Group::Of(own), _) if parent_first => Group::Of([inherited, own].concat()),
        (Group::Of(own), _) => Group::Of([own, inherited].concat()),
        (skip, _) => skip,
    }
}

/// The part of a path before its last `/`.
fn directory(path: &[u8]) -> PathBuf {
    let end = path.rfind_byte(b'/').unwrap_or(0);
    PathBuf::from(OsString::from_vec(path[..end].to_vec()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use crate::case::{ServerOption, TestCase};
    use crate::tree::suite_pm::SkipRule;
    use crate::tree::testing::{Tree, skips, suites};

    fn texts(options: &[ServerOption]) -> Vec<String> {
        options.iter().map(|option| option.text.to_string()).collect()
    }

    fn only_case(tree: &Tree) -> TestCase {
        let mut cases = tree.collect(suites("s")).unwrap().cases;
        assert_eq!(cases.len(), 1);
        cases.remove(0)
    }

    #[test]
    fn options_come_in_the_order_of_includes_the_test_s_own_last() {
        let tree = Tree::new(&[
            ("suite/s/suite.opt", "--suite"),
            ("suite/s/t/a.test", "--source include/one.inc\n--source two.inc\n--source include/one.inc\n"),
            ("suite/s/t/a.opt", "--own"),
            ("suite/s/t/a-master.opt", "--own-master"),
            ("suite/s/t/a-slave.opt", "--own-slave"),
            ("suite/s/include/one.inc", "--source include/deep.inc"),
            ("suite/s/include/one.opt", "--one"),
            ("include/deep.inc", ""),
            ("include/deep-slave.opt", "--deep-slave"),
            ("suite/s/t/two.inc", "--source include/missing.inc"),
            ("suite/s/t/two-master.opt", "--two"),
        ]);
        let case = only_case(&tree);
        assert_eq!(texts(&case.master_opt), ["--suite", "--one", "--two", "--one", "--own", "--own-master"]);
        assert_eq!(
            texts(&case.slave_opt),
            ["--suite", "--deep-slave", "--one", "--deep-slave", "--one", "--own", "--own-slave"]
        );
        let base = tree.dir.path().join("mysql-test");
        let scanned: Vec<_> = case.scanned.iter().map(|file| file.strip_prefix(&base).unwrap()).collect();
        let expected =
            ["suite/s/t/a.test", "suite/s/include/one.inc", "include/deep.inc", "suite/s/t/two.inc"];
        assert_eq!(scanned, expected.map(std::path::Path::new));
    }

    #[test]
    fn files_that_source_each_other_end() {
        let tree = Tree::new(&[
            ("suite/s/a.test", "--source b.inc\n--source a.test"),
            ("suite/s/b.inc", "--source a.test\n--source include/long_test.inc"),
            ("suite/s/b.opt", "--b"),
        ]);
        let case = only_case(&tree);
        assert_eq!(texts(&case.master_opt), ["--b"]);
        assert!(case.long_test);
    }

    /// Thirty scripts that each source the next one twice: a thousand million options, and as many groups.
    #[test]
    fn what_is_sourced_twice_does_not_double_without_limit() {
        let files = |last: &'static str, text: String| {
            let mut files = vec![("suite/s/a.test".to_owned(), "--source i0.inc\n".to_owned())];
            for number in 0..30 {
                let next = number + 1;
                files.push((format!("suite/s/i{number}.inc"), format!("--source i{next}.inc\n").repeat(2)));
            }
            files.push(("suite/s/i30.inc".to_owned(), String::new()));
            files.push((format!("suite/s/{last}"), text));
            let files: Vec<(&str, &str)> =
                files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
            let tree = Tree::new(&files);
            let broken = only_case(&tree).broken.unwrap();
            broken.replace(&tree.dir.path().display().to_string(), "")
        };
        let hint = "hint: a script that is sourced twice counts twice, and with it all that it sources";
        assert_eq!(
            files("i30.opt", format!("--opt={}\n", "x".repeat(100))),
            format!(
                "/mysql-test/suite/s/i19.inc: it sources scripts with more than 256 KiB of options\n{hint}"
            )
        );
        assert_eq!(
            files("i30.combinations", "[x]\nopt\n".to_owned()),
            format!("/mysql-test/suite/s/i13.inc: it sources more than 100000 combinations files\n{hint}")
        );
    }

    /// Only the first of them was, and the others ran without what the script gives.
    #[test]
    fn all_tests_that_source_a_broken_script_are_broken() {
        let tree = Tree::new(&[
            ("suite/s/a.test", "--source x.inc"),
            ("suite/s/b.test", "--source x.inc"),
            ("suite/s/x.inc", ""),
            ("suite/s/x.combinations", "no section\n"),
        ]);
        let broken =
            tree.collect(suites("s")).unwrap().cases.iter().filter(|case| case.broken.is_some()).count();
        assert_eq!(broken, 2);
    }

    #[test]
    fn sources_are_not_nested_without_limit() {
        let mut files = vec![("suite/s/a.test".to_owned(), "--source i0.inc\n".to_owned())];
        for number in 0..5000 {
            files.push((format!("suite/s/i{number}.inc"), format!("--source i{}.inc\n", number + 1)));
        }
        let files: Vec<(&str, &str)> =
            files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        let broken = only_case(&Tree::new(&files)).broken.unwrap();
        assert!(broken.contains("/suite/s/i199.inc: more than 200 nested `source`s"), "{broken}");
    }

    #[test]
    fn a_suite_pm_skips_by_file() {
        let reason = SkipRule::Reason("Requires debug build".to_owned());
        let tree = Tree::new(&[
            ("suite.pm", ""),
            ("suite/s/a.test", "--source include/have_debug.inc"),
            ("suite/s/b.test", "--source include/maybe_debug.inc"),
            ("suite/s/c.test", "--source include/none.inc"),
            ("include/have_debug.inc", ""),
            ("include/maybe_debug.inc", ""),
            ("include/maybe_debug.combinations", "[debug]\n[release]\n"),
            ("include/none.inc", ""),
            ("include/none.combinations", "[x]\n"),
        ])
        .facts(
            "main",
            skips(&[
                ("include/have_debug.combinations", reason),
                ("include/maybe_debug.combinations", SkipRule::Sections(vec!["debug".to_owned()])),
                ("include/none.combinations", SkipRule::Sections(vec!["x".to_owned()])),
            ]),
        );
        assert_eq!(
            tree.names(suites("s")),
            ["s.a [Requires debug build]", "s.c [Requires: none]", "s.b 'release'"]
        );
    }

    #[test]
    fn groups_of_a_file_count_once_in_10_5() {
        let files = [
            ("suite/s/a.test", "--source include/one.inc\n--source include/two.inc\n"),
            ("suite/s/a.combinations", "[own]\n--own\n"),
            ("include/one.inc", "--source include/x.inc\n--source include/x.inc\n"),
            ("include/two.inc", "--source include/x.inc\n"),
            ("include/x.inc", ""),
            ("include/x.combinations", "[x]\n--x\n"),
            ("lib/mtr_cases.pm", "$file_combinations{$file}= [ ::uniq(@combinations) ];\n"),
        ];
        assert_eq!(Tree::new(&files).names(suites("s")), ["s.a 'own,x'"]);
        let later = Tree::new(&files[..files.len() - 1]);
        assert_eq!(later.names(suites("s")), ["s.a 'own,x,x,x'"]);
    }

    /// main.shutdown_debug: its own combinations, then the skip by include/have_debug.inc.
    #[test]
    fn a_test_s_own_group_is_expanded_before_an_include_skips_it() {
        let tree = Tree::new(&[
            ("suite.pm", ""),
            ("suite/s/a.test", "--source include/have_debug.inc"),
            ("suite/s/a.combinations", "[pot]\n[1tpc]\n"),
            ("include/have_debug.inc", ""),
        ])
        .facts(
            "main",
            skips(&[("include/have_debug.combinations", SkipRule::Reason("no debug".to_owned()))]),
        );
        assert_eq!(tree.names(suites("s")), ["s.a 'pot' [no debug]", "s.a '1tpc' [no debug]"]);
    }
}
