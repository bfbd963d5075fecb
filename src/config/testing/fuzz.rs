//! Makes configurations of arbitrary templates.

use std::path::Path;
use std::sync::OnceLock;

use crate::config::generate::{ConfigInputs, generate};
use crate::env::Env;
use crate::error::Error;
use crate::grammar::mycnf;
use crate::tree::layout::Layout;

/// Makes the configuration of a worker of the template `bytes`.
///
/// # Panics
/// If that does, or if the configuration is longer than values may be.
pub fn fuzz(bytes: &[u8]) {
    // The error messages of an installation.
    static BASE: OnceLock<Option<tempfile::TempDir>> = OnceLock::new();
    let base = BASE.get_or_init(|| {
        let dir = tempfile::tempdir().ok()?;
        std::fs::create_dir_all(dir.path().join("share/charsets")).ok()?;
        Some(dir)
    });
    let Some(base) = base else { return };
    let path = Path::new("my.cnf");
    let Ok(template) = mycnf::parse(bytes, path, |_| Err(Error::new("no such file"))) else { return };
    let layout = Layout { basedir: base.path().into(), bindir: base.path().into(), ..Layout::default() };
    let mut env = Env::default();
    env.set("LONG", "x".repeat(1000));
    let made = generate(&ConfigInputs {
        template: &template,
        template_path: path,
        layout: &layout,
        vardir: Path::new("/var"),
        tmpdir: Path::new("/tmp"),
        first_port: 10_000,
        user: "root",
        optional_plugins: &[],
        env: &env,
    });
    let Ok(config) = made else { return };
    // Names of servers stand in ten values each, values of servers in those of their clients.
    assert!(config.to_bytes().len() <= 30 * bytes.len() + (5 << 20));
    for server in config.servers() {
        let _ = (server.port(), server.socket(), server.datadir(), server.log_error(), server.suffix());
    }
    let _ = (config.environment(), config.warnings());
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PIECES: [&str; 18] = [
        "[mysqld.1]\n",
        "[mysqld.2]\n",
        "[mysqld]\n",
        "[ENV]\n",
        "[a]\n",
        "a=",
        "b=",
        "c=",
        "@a.a",
        "@a.b",
        "@a.c",
        "@ENV.a",
        "@ENV.LONG",
        "@OPT.port",
        "port=",
        "\n",
        "datadir=",
        "#x\n",
    ];

    proptest! {
        #[test]
        fn arbitrary_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            fuzz(&bytes);
        }

        #[test]
        fn pieces_of_templates(pieces in proptest::collection::vec(0..PIECES.len(), 0..60)) {
            fuzz(pieces.into_iter().map(|piece| PIECES[piece]).collect::<String>().as_bytes());
        }
    }
}
