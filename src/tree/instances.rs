//! From a test's name to its instances: everything that is decided before a server starts (runner §2.6).

use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use bstr::{BString, ByteSlice};

use super::combinations::{CombinedCase, Forced, Group, MOST_INSTANCES, TooMany, expand};
use super::listing::append;
use super::results::Results;
use super::scan::{Scan, Scanned, Tree};
use super::select::Pattern;
use super::source::Tags;
use super::suite::LoadedSuite;
use crate::case::{Origin, ServerOption, Skip, TestCase};
use crate::error::{Error, Result};

/// What the command line says about every test.
pub struct Rules {
    /// `--skip-test`
    pub skip_test: Option<Pattern>,
    /// `--big-test`: 0, 1, 2.
    pub big_test: u32,
    /// `--skip-rpl`
    pub skip_rpl: bool,
    /// `--enable-disabled`
    pub enable_disabled: bool,
    /// `--skip-not-found`
    pub skip_not_found: bool,
    /// `--mysqld`, `--skip-X`
    pub options: Vec<ServerOption>,
}

impl Rules {
    /// The server options of the command line.
    pub fn server_options(values: &[BString]) -> Vec<ServerOption> {
        let origin = Arc::new(Origin::CommandLine);
        values.iter().map(|text| ServerOption { text: text.clone(), origin: Arc::clone(&origin) }).collect()
    }
}

/// Makes instances of the tests of one suite.
pub struct Maker<'m, 't> {
    /// What the command line says.
    pub rules: &'m Rules,
    /// The suite.
    pub suite: &'m LoadedSuite,
    /// The suite's scan.
    pub scan: &'m mut Scan,
    /// The tree.
    pub tree: &'m mut Tree<'t>,
    /// Result files.
    pub results: &'m mut Results,
    /// Lines for the console.
    pub messages: &'m mut Vec<String>,
}

impl Maker<'_, '_> {
    /// The instances of the test `name` in the directory `test_dir`, run with the `combinations` that the
    /// command line names. In an overlay, only those that have something of it.
    ///
    /// # Errors
    /// A malformed file of the test, or a combination that it does not have.
    pub fn make(
        &mut self,
        name: &str,
        test_dir: &Path,
        combinations: &[String],
    ) -> Result<Vec<CombinedCase>> {
        let mut instances = self.decide(name, test_dir, combinations)?;
        if self.suite.parent.is_some() {
            instances.retain(|instance| instance.in_overlay);
        }
        for CombinedCase { case, .. } in &mut instances {
            let mut options = case.master_opt.iter().chain(&case.slave_opt);
            case.skip_core_file = options.any(|option| option.text == "--skip-core-file");
        }
        Ok(instances)
    }

    /// The one instance of a test of which a file cannot be used: it fails for that reason.
    pub fn broken(&self, name: &str, test_dir: &Path, error: &Error) -> CombinedCase {
        let mut instance = self.blank(name, test_dir);
        instance.case.broken = Some(error.explained());
        instance
    }

    fn decide(&mut self, name: &str, test_dir: &Path, combinations: &[String]) -> Result<Vec<CombinedCase>> {
        let rules = self.rules;
        let mut instance = self.blank(name, test_dir);
        let full_name = instance.case.name();
        if rules.skip_test.as_ref().is_some_and(|p| p.matches(name) || p.matches(&full_name)) {
            instance.skip("");
            return Ok(vec![instance]);
        }
        if let Some(why) = &self.suite.broken {
            instance.case.broken = Some(why.clone());
            instance.in_overlay = true;
            return Ok(vec![instance]);
        }
        let overlay = self.suite.parent.is_some();
        self.disable(&mut instance);
        // Whether an overlay keeps a test is known only after scanning it.
        if instance.case.skip.is_some() && !overlay {
            return Ok(vec![instance]);
        }
        if let Some(reason) = &self.suite.facts.skip {
            instance.skip(reason);
            if !overlay {
                return Ok(vec![instance]);
            }
        }
        let template = self.own_file(&mut instance, &format!("{name}.cnf"))?;
        instance.case.master_sh = self.own_file(&mut instance, &format!("{name}-master.sh"))?;
        instance.case.slave_sh = self.own_file(&mut instance, &format!("{name}-slave.sh"))?;
        if let Some(template) = template {
            instance.case.template_key = self.suite.shown(&template);
            instance.case.template = template;
        }

        let scanned = self.scanned(&instance.case.path)?;
        let Tags { big_test, long_test, rpl_test, not_parallel } = scanned.tags;
        instance.in_overlay |= scanned.in_overlay;
        let case = &mut instance.case;
        (case.big_test, case.long_test) = (big_test, long_test);
        (case.rpl_test, case.not_parallel) = (rpl_test, not_parallel);
        case.scanned = scanned.files().into();
        let unwanted = match (big_test, rules.big_test) {
            (true, 0) => Some("Test needs --big-test"),
            (false, 2..) => Some("Small test"),
            _ if rpl_test && rules.skip_rpl => Some("No replication tests"),
            _ => None,
        };
        if big_test && unwanted.is_none_or(|_| rules.big_test > 0) {
            case.long_test = true;
        }
        if let Some(reason) = unwanted {
            instance.skip_with(reason);
            return Ok(vec![instance]);
        }
        if instance.case.template_key.is_empty() {
            self.choose_template(&mut instance)?;
        }
        let case = &mut instance.case;
        case.master_opt.extend(scanned.master_opt.iter().chain(&rules.options).cloned());
        case.slave_opt.extend(scanned.slave_opt.iter().chain(&rules.options).cloned());
        let master = take_timezone(&mut case.master_opt);
        case.timezone = take_timezone(&mut case.slave_opt).or(master);

        let mut instances = self.expand(instance, &scanned, combinations)?;
        for CombinedCase { case, .. } in &mut instances {
            let dirs: Vec<&Path> = [Some(self.suite), self.suite.parent.as_deref()]
                .into_iter()
                .flatten()
                .map(|suite| suite.suite.result_dir.as_path())
                .collect();
            case.result = self.results.find(name, &case.combinations, &dirs, &mut self.tree.listings)?;
        }
        Ok(instances)
    }

    /// The test before anything is known of it.
    fn blank(&self, name: &str, test_dir: &Path) -> CombinedCase {
        let case = TestCase {
            suite: Arc::clone(&self.suite.suite),
            short_name: name.to_owned(),
            path: append(test_dir, format!("{name}.test")),
            master_opt: self.suite.options.clone(),
            slave_opt: self.suite.options.clone(),
            command: self.suite.facts.commands.get(name).cloned().unwrap_or_default(),
            ..TestCase::default()
        };
        CombinedCase { case, in_overlay: self.suite.in_overlay, noted: String::new() }
    }

    fn disable(&mut self, instance: &mut CombinedCase) {
        let parent = self.suite.parent.as_ref().map(|parent| parent.suite.name.as_str());
        let name = &instance.case.short_name;
        let Some(reason) = self.suite.disabled.reason(&self.suite.suite.name, name, parent) else { return };
        if self.rules.enable_disabled {
            let name = instance.case.name();
            self.messages
                .push(format!(" - {name} will be run although it's been disabled\n   due to '{reason}'"));
            instance.noted = reason.to_owned();
        } else {
            instance.case.skip = Some(Skip { disabled: true, comment: reason.to_owned() });
        }
    }

    /// A file beside the test, of the overlay or else of the base suite.
    fn own_file(&mut self, instance: &mut CombinedCase, name: &str) -> Result<Option<PathBuf>> {
        let Some((file, in_overlay)) = self.suite.file(|suite| &suite.test_dir, name, self.tree)? else {
            return Ok(None);
        };
        instance.in_overlay |= in_overlay;
        Ok(Some(file))
    }

    /// Scans the test's file; the tests that a `suite.pm` lists need not have any.
    ///
    /// # Errors
    /// It cannot be read, or is no file.
    fn scanned(&mut self, path: &Path) -> Result<Rc<Scanned>> {
        if !self.tree.listings.has_file(path)? {
            return Ok(Rc::default());
        }
        self.scan.file(path, self.tree)
    }

    /// The config template of a test without one of its own.
    fn choose_template(&mut self, instance: &mut CombinedCase) -> Result<()> {
        if let Some((file, in_overlay)) = self.suite.file(|suite| &suite.dir, "my.cnf", self.tree)? {
            instance.in_overlay |= in_overlay;
            instance.case.template_key = self.suite.shown(&file);
            instance.case.template = file;
            return Ok(());
        }
        let default = if instance.case.rpl_test { "suite/rpl/my.cnf" } else { "include/default_my.cnf" };
        instance.case.template_key = default.into();
        instance.case.template = append(&self.tree.test_dir, default);
        Ok(())
    }

    fn expand(
        &self,
        instance: CombinedCase,
        scanned: &Scanned,
        combinations: &[String],
    ) -> Result<Vec<CombinedCase>> {
        let before = instance.clone();
        let mut forced = Forced::new(combinations);
        let groups =
            || std::iter::once(&self.suite.combinations).chain(scanned.groups.iter().map(|group| &**group));
        let mut instances = vec![instance];
        for group in groups() {
            instances =
                expand(instances, group, &mut forced).map_err(|TooMany| too_many(&before.case, groups()))?;
        }
        let unused = forced.unused();
        if unused.is_empty() {
            return Ok(instances);
        }
        let mut missing = before;
        if !self.rules.skip_not_found {
            let mut offered: Vec<&str> =
                groups().flat_map(|group| group.sections()).map(|section| section.name.as_str()).collect();
            offered.sort_unstable();
            offered.dedup();
            let message =
                format!("could not run {} with '{}' combination(s)", missing.case.name(), unused.join(","));
            return Err(Error::new(message).hint(match offered.as_slice() {
                [] => "it has no combinations".to_owned(),
                offered => format!("its combinations are {}", offered.join(", ")),
            }));
        }
        missing.case.combinations.extend(unused.iter().map(|name| (*name).to_owned()));
        missing.skip_with("combination not found");
        Ok(vec![missing])
    }
}

fn too_many<'g>(case: &TestCase, groups: impl Iterator<Item = &'g Group>) -> Error {
    let sizes = groups.map(|group| group.sections().len()).filter(|size| *size > 1);
    let sizes: Vec<String> = sizes.take(MOST_TOLD).map(|size| size.to_string()).collect();
    Error::new(format!("{} has more than {MOST_INSTANCES} combinations", case.name()))
        .at(&case.path, None)
        .hint(format!(
            "its combinations files have {} sections, and each multiplies the others",
            sizes.join(" × ")
        ))
}

/// Sizes of groups that a message tells.
const MOST_TOLD: usize = 10;

/// Takes `--timezone=X` out of a list; the last one counts. A `--default-time-zone` stays, and means that
/// the processes run in another zone than the server's.
fn take_timezone(options: &mut Vec<ServerOption>) -> Option<BString> {
    let mut timezone = None;
    options.retain(|option| {
        if let Some(zone) = option.text.strip_prefix(b"--timezone=") {
            timezone = Some(zone.into());
            return false;
        }
        if option.text.starts_with_str("--default-time-zone=") {
            timezone = Some("GMT-8".into());
        }
        true
    });
    timezone
}
