//! `--sanitizer`: options of the sanitizers' runtimes, and whether the server has the one that is asked for.

use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::Path;

use bstr::{BString, ByteSlice};

use crate::cli::settings::Settings;
use crate::env::Env;
use crate::error::{Error, Result};
use crate::tree::layout::Layout;
use crate::triage::collect::elf;
use crate::triage::sanitizer::options::completed;
use crate::triage::sanitizer::presence::has;
use crate::triage::sanitizer::report::Tool;

/// What a sanitizer is told for a test run: variable and options.
fn defaults(tool: Tool) -> (&'static str, &'static [(&'static str, &'static str)]) {
    match tool {
        // A server under test may ask for more memory than there is, and means it.
        Tool::Address => (
            "ASAN_OPTIONS",
            &[
                ("abort_on_error", "1"),
                ("detect_leaks", "1"),
                ("detect_stack_use_after_return", "1"),
                ("allocator_may_return_null", "1"),
            ],
        ),
        Tool::Leak => ("LSAN_OPTIONS", &[("detect_leaks", "1"), ("print_suppressions", "0")]),
        Tool::Undefined => ("UBSAN_OPTIONS", &[("print_stacktrace", "1"), ("report_error_type", "1")]),
        // The server reads members of objects after their destructors in places that do no harm.
        Tool::Memory => ("MSAN_OPTIONS", &[("abort_on_error", "1"), ("poison_in_dtor", "0")]),
        Tool::Thread => ("TSAN_OPTIONS", &[("second_deadlock_stack", "1"), ("history_size", "4")]),
    }
}

/// The option of the server's build that makes one.
fn build_option(tool: Tool) -> &'static str {
    match tool {
        Tool::Address | Tool::Leak => "-DWITH_ASAN=ON",
        Tool::Undefined => "-DWITH_UBSAN=ON",
        Tool::Memory => "-DWITH_MSAN=ON",
        Tool::Thread => "-DWITH_TSAN=ON",
    }
}

/// The sanitizer that was asked for.
fn wanted(settings: &Settings) -> Option<Tool> {
    let name = settings.sanitizer.as_deref()?;
    Tool::ALL.into_iter().find(|tool| tool.short_name() == name)
}

/// The server has the sanitizer that was asked for, linked or preloaded.
///
/// # Errors
/// It has not: a run would find nothing and look like a success.
pub fn check(settings: &Settings, layout: &Layout, env: &Env) -> Result<()> {
    let Some(tool) = wanted(settings) else { return Ok(()) };
    // A program that cannot be read as ELF (a script around the server) may have anything.
    let Some(program) = elf::facts(&layout.mariadbd) else { return Ok(()) };
    let given = settings.server_variables().rfind(|(name, _)| *name == "LD_PRELOAD").map(|(_, value)| value);
    let preloaded = given.or_else(|| env.get("LD_PRELOAD")).unwrap_or_default();
    if has(&program, preloaded.as_bytes().as_bstr(), tool) {
        return Ok(());
    }
    let hint = format!(
        "build it with {}, or preload the runtime: --mysqld-env=LD_PRELOAD=$(gcc -print-file-name=lib{}.so)",
        build_option(tool),
        tool.short_name()
    );
    let text = format!("--sanitizer={}: the server was built without {}", tool.short_name(), tool.name());
    Err(Error::new(text).at(&layout.mariadbd, None).hint(hint))
}

/// Completes the variables of the sanitizer that was asked for; what the user set stays as it is.
pub fn set_environment(settings: &Settings, env: &mut Env, test_dir: &Path) {
    let Some(tool) = wanted(settings) else { return };
    let (variable, options) = defaults(tool);
    let mut options: Vec<(&str, BString)> =
        options.iter().map(|(name, value)| (*name, BString::from(*value))).collect();
    // The test tree's own list of what is known and not looked at.
    let list = test_dir.join(format!("{}.supp", tool.short_name()));
    if list.is_file() {
        options.push(("suppressions", list.into_os_string().into_vec().into()));
    }
    let own = env.get(variable).unwrap_or_default().as_bytes().trim_end_with(|c| c == ':').to_vec();
    let value: Vec<u8> = completed(&options, own.as_bstr()).into();
    env.set(variable, std::ffi::OsString::from_vec(value));
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_the_user_set_stays() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("tsan.supp"), "").unwrap();
        let settings = |name: &str| Settings { sanitizer: Some(name.into()), ..Settings::default() };
        let mut env = Env::default();
        env.set("ASAN_OPTIONS", "abort_on_error=1:detect_leaks=0:log_path=/x");
        set_environment(&settings("asan"), &mut env, dir.path());
        assert_eq!(
            env.get("ASAN_OPTIONS").unwrap(),
            "detect_stack_use_after_return=1:allocator_may_return_null=1:abort_on_error=1:detect_leaks=0:log_path=/x"
        );
        set_environment(&settings("tsan"), &mut env, dir.path());
        let list = dir.path().join("tsan.supp");
        let wanted = format!("second_deadlock_stack=1:history_size=4:suppressions={}", list.display());
        assert_eq!(env.get("TSAN_OPTIONS").unwrap(), wanted.as_str());
    }

    #[test]
    fn a_server_without_it_is_an_error_with_a_hint() {
        let settings = Settings { sanitizer: Some("tsan".into()), ..Settings::default() };
        let layout = Layout { mariadbd: std::env::current_exe().unwrap(), ..Layout::default() };
        let error = check(&settings, &layout, &Env::default()).unwrap_err();
        assert!(error.explained().contains("-DWITH_TSAN=ON"), "{error}");
        let mut env = Env::default();
        env.set("LD_PRELOAD", "/x/libtsan.so.2");
        check(&settings, &layout, &env).unwrap();
    }
}
