//! The variables that rule the sanitizers' runtimes, in servers and clients alike: what the reference sets in every run
//! (runner §1.4), and what `--sanitizer` completes.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

use bstr::{BString, ByteSlice as _};

use crate::cli::settings::{SanitizerOptions, Settings};
use crate::env::Env;
use crate::grammar::sanitizer_options::{VARIABLES, completed};

/// What `--sanitizer` tells the runtime of that name.
fn options_of(sanitizer: &str, set: SanitizerOptions) -> &'static [(&'static str, &'static str)] {
    match sanitizer {
        // Its builders' own; that the process aborts is what the runner adds.
        "asan" if set == SanitizerOptions::Buildbot => &[
            ("quarantine_size_mb", "512"),
            ("atexit", "0"),
            ("detect_invalid_pointer_pairs", "3"),
            ("dump_instruction_bytes", "1"),
            ("allocator_may_return_null", "1"),
        ],
        // A server under test may ask for more memory than there is, and means it.
        "asan" => &[
            ("abort_on_error", "1"),
            ("detect_leaks", "1"),
            ("detect_stack_use_after_return", "1"),
            ("allocator_may_return_null", "1"),
        ],
        "lsan" => &[("detect_leaks", "1"), ("print_suppressions", "0")],
        "ubsan" => &[("print_stacktrace", "1"), ("report_error_type", "1")],
        // The server reads members of objects after their destructors in places that do no harm.
        "msan" => &[("abort_on_error", "1"), ("poison_in_dtor", "0")],
        "tsan" => &[("second_deadlock_stack", "1"), ("history_size", "4")],
        _ => &[],
    }
}

/// Sets the variables; what the user set in them stays, and is never overruled.
pub fn set(env: &mut Env, settings: &Settings, test_dir: &Path) {
    let mut asan = OsString::new();
    if let Some(list) = list_of_suppressions(test_dir, "asan") {
        asan.push("suppressions=");
        asan.push(list);
        asan.push(":");
    }
    asan.push("abort_on_error=1:");
    asan.push(env.get("ASAN_OPTIONS").unwrap_or_default());
    env.set("ASAN_OPTIONS", asan);
    if let Some(list) = list_of_suppressions(test_dir, "lsan") {
        let mut lsan = OsString::from("suppressions=");
        lsan.push(list);
        lsan.push(":print_suppressions=0");
        if let Some(old) = env.non_empty("LSAN_OPTIONS") {
            lsan.push(":");
            lsan.push(old);
        }
        env.set("LSAN_OPTIONS", lsan);
    }
    let set = settings.sanitizer_options;
    let asked = settings.sanitizer.as_deref();
    // A build of Buildbot's has both.
    let both = ["asan", "ubsan"];
    let together = set == SanitizerOptions::Buildbot && asked.is_some_and(|name| both.contains(&name));
    for (variable, sanitizer) in VARIABLES {
        if asked == Some(sanitizer) || together && both.contains(&sanitizer) {
            complete(env, variable, sanitizer, set, test_dir);
        }
    }
}

/// The variable with what `--sanitizer` adds.
fn complete(env: &mut Env, variable: &str, sanitizer: &str, set: SanitizerOptions, test_dir: &Path) {
    let mut options: Vec<(&str, BString)> =
        options_of(sanitizer, set).iter().map(|(name, value)| (*name, BString::from(*value))).collect();
    if let Some(list) = list_of_suppressions(test_dir, sanitizer) {
        options.push(("suppressions", list.into_os_string().into_vec().into()));
    }
    let own = env.get(variable).unwrap_or_default().as_bytes().trim_end_with(|c| c == ':').to_vec();
    let value: Vec<u8> = completed(&options, own.as_bstr()).into();
    env.set(variable, OsString::from_vec(value));
}

/// The test tree's own list of what is known and not looked at, where there is one.
fn list_of_suppressions(test_dir: &Path, sanitizer: &str) -> Option<PathBuf> {
    Some(test_dir.join(format!("{sanitizer}.supp"))).filter(|list| list.is_file())
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
        set(&mut env, &settings("asan"), dir.path());
        assert_eq!(
            env.get("ASAN_OPTIONS").unwrap(),
            "detect_stack_use_after_return=1:allocator_may_return_null=1:abort_on_error=1:abort_on_error=1:\
             detect_leaks=0:log_path=/x"
        );
        set(&mut env, &settings("tsan"), dir.path());
        let list = dir.path().join("tsan.supp");
        let wanted = format!("second_deadlock_stack=1:history_size=4:suppressions={}", list.display());
        assert_eq!(env.get("TSAN_OPTIONS").unwrap(), wanted.as_str());
    }

    #[test]
    fn the_options_of_buildbot_are_for_both_sanitizers_of_its_builds() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("ubsan.supp"), "").unwrap();
        let list = dir.path().join("ubsan.supp");
        for asked in ["asan", "ubsan"] {
            let sanitizer_options = SanitizerOptions::Buildbot;
            let settings =
                Settings { sanitizer: Some(asked.into()), sanitizer_options, ..Settings::default() };
            let mut env = Env::default();
            set(&mut env, &settings, dir.path());
            assert_eq!(
                env.get("ASAN_OPTIONS").unwrap(),
                "quarantine_size_mb=512:atexit=0:detect_invalid_pointer_pairs=3:dump_instruction_bytes=1:\
                 allocator_may_return_null=1:abort_on_error=1"
            );
            let wanted = format!("print_stacktrace=1:report_error_type=1:suppressions={}", list.display());
            assert_eq!(env.get("UBSAN_OPTIONS").unwrap(), wanted.as_str());
        }
        let settings = Settings { sanitizer: Some("tsan".into()), ..Settings::default() };
        let mut env = Env::default();
        set(&mut env, &settings, dir.path());
        assert_eq!(env.get("UBSAN_OPTIONS"), None);
    }

    #[test]
    fn every_sanitizer_has_options() {
        let usual = SanitizerOptions::Usual;
        assert!(VARIABLES.iter().all(|(_, sanitizer)| !options_of(sanitizer, usual).is_empty()));
    }
}
