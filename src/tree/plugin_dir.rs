//! The plugin directory of a source or build tree: one directory with all that was built (runner §8.1).

use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::sys::files;
use crate::sys::removal;
use crate::tree::layout::Layout;

/// Makes `vardir/plugins` and points `layout` to it. An installation has its own directory: nothing is
/// done there.
///
/// # Errors
/// The directory cannot be made, or a plugin neither be linked nor copied into it.
pub fn fill(layout: &mut Layout, vardir: &Path) -> Result<()> {
    if !layout.source {
        return Ok(());
    }
    let dir = vardir.join("plugins");
    std::fs::create_dir_all(&dir).map_err(|error| Error::io("create", &dir, error))?;
    for (_, plugin) in &layout.plugins {
        let Some(name) = plugin.file_name() else { continue };
        let place: PathBuf = dir.join(name);
        // A vardir that was kept has the links of its last run.
        removal::remove(&place)?;
        std::os::unix::fs::symlink(plugin, &place)
            .or_else(|_| files::copy(plugin, &place))
            .map_err(|error| Error::io("link or copy a plugin to", &place, error))?;
    }
    layout.plugin_dir.clone_from(&dir);
    layout.client_plugin_dir = dir;
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_source_tree_gets_links_again_and_again() {
        let root = tempfile::tempdir().unwrap();
        let plugin = root.path().join("ha_x.so");
        std::fs::write(&plugin, "x").unwrap();
        let mut layout = Layout {
            source: true,
            plugins: vec![("HA_X_SO".into(), plugin.clone())],
            plugin_dir: "/elsewhere".into(),
            ..Layout::default()
        };
        let var = root.path().join("var");
        for _ in 0..2 {
            fill(&mut layout, &var).unwrap();
            assert_eq!(std::fs::read_link(var.join("plugins/ha_x.so")).unwrap(), plugin);
        }
        assert_eq!(layout.plugin_dir, var.join("plugins"));
        assert_eq!(layout.client_plugin_dir, var.join("plugins"));
    }

    #[test]
    fn an_installation_keeps_its_own() {
        let mut layout = Layout { plugin_dir: "/usr/lib/plugin".into(), ..Layout::default() };
        fill(&mut layout, Path::new("/nonexistent")).unwrap();
        assert_eq!(layout.plugin_dir, Path::new("/usr/lib/plugin"));
    }
}
