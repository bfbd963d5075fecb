//! `--sanitizer`: whether the server has the one that is asked for.

use crate::cli::settings::{SanitizerOptions, Settings};
use crate::env::Env;
use crate::error::{Error, Result};
use crate::run::setup::slow_build::preloaded;
use crate::tree::layout::Layout;
use crate::triage::collect::elf;
use crate::triage::sanitizer::presence::has;
use crate::triage::sanitizer::report::Tool;

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
    let Some(tool) = wanted(settings) else {
        if settings.sanitizer_options == SanitizerOptions::Usual {
            return Ok(());
        }
        return Err(Error::new("--sanitizer-options without --sanitizer does nothing")
            .hint("name the sanitizer of the server as well: --sanitizer=asan"));
    };
    // A program that cannot be read as ELF (a script around the server) may have anything.
    let Some(program) = elf::facts(&layout.mariadbd) else { return Ok(()) };
    if has(&program, preloaded(settings, env), tool) {
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_server_without_it_is_an_error_with_a_hint() {
        let settings = Settings { sanitizer: Some("tsan".into()), ..Settings::default() };
        let layout = Layout { mariadbd: std::env::current_exe().unwrap(), ..Layout::default() };
        let error = check(&settings, &layout, &Env::default()).unwrap_err();
        assert!(error.explained().contains("-DWITH_TSAN=ON"), "{error}");
        let mut env = Env::default();
        env.set("LD_PRELOAD", "/x/libtsan.so.2");
        check(&settings, &layout, &env).unwrap();
        let settings = Settings { sanitizer_options: SanitizerOptions::Buildbot, ..Settings::default() };
        assert!(check(&settings, &layout, &env).unwrap_err().explained().contains("--sanitizer=asan"));
    }
}
