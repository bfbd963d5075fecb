//! The scripts that make the system tables, which releases name differently (runner §8.2).

use std::path::{Path, PathBuf};

/// Where the scripts may be, relative to basedir.
pub const DIRS: [&str; 6] = ["mysql", "sql/share", "share/mariadb", "share/mysql", "share", "scripts"];

/// What their names begin with: the second until 11.2.
pub const PREFIXES: [&str; 2] = ["mariadb_", "mysql_"];

/// The scripts of an installation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SystemTables {
    /// Their directory.
    pub dir: PathBuf,
    prefix: &'static str,
}

impl SystemTables {
    /// Those of the installation at `basedir`; the first directory that has the tables' script counts.
    pub fn below(basedir: &Path) -> Option<SystemTables> {
        let places = DIRS.iter().flat_map(|dir| PREFIXES.map(|prefix| (basedir.join(dir), prefix)));
        let mut all = places.map(|(dir, prefix)| SystemTables { dir, prefix });
        all.find(|tables| tables.script(&tables.dir, "system_tables").is_file())
    }

    /// Whether they have the newer name. The releases since then prefer newer names of programs too, and
    /// bootstrap with more options.
    pub fn renamed(&self) -> bool {
        self.prefix == PREFIXES[0]
    }

    /// A script of theirs in `dir`: `system_tables` is `mariadb_system_tables.sql` there.
    pub fn script(&self, dir: &Path, name: &str) -> PathBuf {
        dir.join(format!("{}{name}.sql", self.prefix))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::tree::testing::files;

    #[test]
    fn either_name_is_found() {
        let old = files(&["share/mysql/mysql_system_tables.sql"]);
        let tables = SystemTables::below(old.path()).unwrap();
        assert!(!tables.renamed());
        assert_eq!(tables.script(Path::new("/x"), "sys_schema"), Path::new("/x/mysql_sys_schema.sql"));
        let new = files(&["share/mariadb/mariadb_system_tables.sql", "share/mariadb/fill_help_tables.sql"]);
        let tables = SystemTables::below(new.path()).unwrap();
        assert!(tables.renamed());
        assert_eq!(tables.dir, new.path().join("share/mariadb"));
        assert_eq!(
            tables.script(&tables.dir, "system_tables"),
            new.path().join("share/mariadb/mariadb_system_tables.sql")
        );
        assert_eq!(SystemTables::below(files(&["share/fill_help_tables.sql"]).path()), None);
    }
}
