//! Tests of the vardir.

use std::io;

use super::*;

/// A directory that nobody else may write to, whatever the umask.
fn own_dir(path: &Path) {
    std::fs::create_dir_all(path).unwrap();
    std::fs::set_permissions(path, Permissions::from_mode(0o755)).unwrap();
}

fn claim(settings: &Settings, cwd: &Path) -> Result<ClaimedVardir> {
    let layout = Layout { default_vardir: cwd.join("var"), ..Layout::default() };
    ClaimedVardir::new(settings, &layout, &Env::default(), cwd, 0o022)
}

fn open(root: &Path) -> Result<(Vardir, Messages)> {
    let settings = Settings { vardir: Some(root.into()), ..Settings::default() };
    claim(&settings, Path::new("/"))?.open(&settings, &Env::default(), false)
}

/// A directory as users have them, and a file of theirs in it.
fn site() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let mine = dir.path().join("mine");
    own_dir(&mine);
    std::fs::write(mine.join("thesis.tex"), "years of work").unwrap();
    (dir, mine)
}

#[test]
fn a_vardir_in_use_is_refused_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let (vardir, _) = open(dir.path()).unwrap();
    std::fs::write(vardir.root.join("log/x"), "kept").unwrap();
    let error = open(dir.path()).unwrap_err();
    assert!(error.to_string().contains("in use by another run"), "{error}");
    assert!(vardir.root.join("log/x").exists());
    drop(vardir);
    let (again, _) = open(dir.path()).unwrap();
    assert!(!again.root.join("log/x").exists());
}

#[test]
fn files_of_others_are_never_removed() {
    let (dir, mine) = site();
    std::os::unix::fs::symlink(&mine, dir.path().join("var")).unwrap();
    let settings = |change: fn(&mut Settings, &Path)| {
        let mut settings = Settings::default();
        change(&mut settings, &mine);
        settings
    };
    for (settings, cwd) in [
        (settings(|s, mine| s.vardir = Some(mine.into())), Path::new("/")),
        (settings(|s, _| s.vardir = Some(".".into())), &mine),
        (settings(|s, _| s.vardir = Some("..".into())), &mine),
        (settings(|s, _| s.vardir = Some("nosuch/..".into())), &mine),
        (settings(|_, _| ()), dir.path()),
        (settings(|s, _| s.mem = Some(None)), dir.path()),
        (
            settings(|s, mine| {
                s.vardir = Some(mine.parent().unwrap().join("fresh"));
                s.tmpdir = Some(mine.into());
            }),
            Path::new("/"),
        ),
    ] {
        let error = claim(&settings, cwd).map(drop).unwrap_err();
        assert!(error.hint_text().is_some(), "{error}");
        assert!(mine.join("thesis.tex").exists(), "{error}");
        assert!(dir.path().join("var").is_symlink() && !dir.path().join("fresh").exists(), "{error}");
    }
}

#[test]
fn the_message_names_a_directory_that_would_do() {
    let (_dir, mine) = site();
    let error = open(&mine).unwrap_err();
    let text = error.explained();
    assert!(text.contains("is no vardir of a run and not empty: it holds 'thesis.tex'"), "{text}");
    assert!(text.contains(&format!("--vardir={}", mine.join("var").display())), "{text}");
    assert!(open(&mine.join("var")).is_ok());
}

#[test]
fn a_claim_changes_nothing() {
    let (dir, _) = site();
    let settings = Settings { vardir: Some(dir.path().join("a/b/var")), ..Settings::default() };
    let claimed = claim(&settings, Path::new("/")).unwrap();
    assert!(claimed.root().is_dir());
    drop(claimed);
    assert!(!dir.path().join("a").exists(), "what was made for a run that did not come about is gone");
    let (vardir, _) =
        claim(&settings, Path::new("/")).unwrap().open(&settings, &Env::default(), false).unwrap();
    std::fs::write(vardir.root.join("log/evidence"), "").unwrap();
    drop(vardir);
    drop(claim(&settings, Path::new("/")).unwrap());
    assert!(dir.path().join("a/b/var/log/evidence").exists());
}

#[test]
fn a_directory_with_or_in_that_of_a_run_at_work_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    drop(open(dir.path()).unwrap());
    let inner = dir.path().join("mine/var");
    let (running, _) = open(&inner).unwrap();
    let error = open(dir.path()).unwrap_err();
    assert!(error.message().starts_with("a run is at work in "), "{error}");
    assert!(running.root.join("log").exists());
    let error = open(&running.root.join("tmp/x")).unwrap_err();
    assert!(error.message().contains("lies in that of a run at work"), "{error}");
    drop(running);
    assert!(open(dir.path()).is_ok());
}

#[test]
fn directories_of_two_runs_are_never_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let settings = |var: &str, tmp: &str| Settings {
        vardir: Some(dir.path().join(var)),
        tmpdir: Some(dir.path().join(tmp)),
        ..Settings::default()
    };
    let open = |settings: &Settings| claim(settings, Path::new("/"))?.open(settings, &Env::default(), false);
    let (first, _) = open(&settings("a", "t")).unwrap();
    std::fs::write(first.tmp.join("mysqld.1.sock"), "").unwrap();
    let error = open(&settings("b", "t")).unwrap_err();
    assert!(error.message().contains("this tmpdir is in use"), "{error}");
    assert!(first.tmp.join("mysqld.1.sock").exists());
    // Between servers the directory for temporary files is emptied; it stays known.
    empty(&first.tmp).unwrap();
    drop(first);
    assert!(open(&settings("b", "t")).is_ok());
    for (var, tmp) in [("c", "c"), ("t/c", "t")] {
        let error = open(&settings(var, tmp)).unwrap_err();
        assert!(error.message().starts_with("the directory of --tmpdir "), "{error}");
    }
    assert!(open(&settings("d", "d/tmp")).is_ok());
}

#[test]
fn what_a_link_in_memory_leads_to_is_not_taken_from_a_run() {
    let (dir, _) = site();
    let [a, b] = ["a", "b"].map(|name| dir.path().join(name));
    for dir in [&a, &b] {
        own_dir(dir);
    }
    let settings = |base: &Path| Settings { mem: Some(Some(base.into())), ..Settings::default() };
    let open = |settings: &Settings| claim(settings, dir.path())?.open(settings, &Env::default(), false);
    let (first, _) = open(&settings(&a)).unwrap();
    let link = dir.path().join("var");
    assert_eq!(std::fs::read_link(&link).unwrap(), first.root);
    let error = open(&settings(&b)).unwrap_err();
    assert!(error.message().contains("in use by another run"), "{error}");
    assert!(first.root.join("log").is_dir() && std::fs::read_dir(&b).unwrap().next().is_none());
    let old = first.root.clone();
    drop(first);
    let (second, _) = open(&settings(&b)).unwrap();
    assert!(second.root.starts_with(&b) && !old.exists());
    assert_eq!(std::fs::read_link(&link).unwrap(), second.root);
    // Again, and after a restart of the machine.
    let root = second.root.clone();
    drop(second);
    assert_eq!(open(&settings(&b)).unwrap().0.root, root);
    std::fs::remove_dir_all(&root).unwrap();
    assert!(open(&settings(&a)).unwrap().0.root.starts_with(&a));
    // A directory of an earlier run makes room, one of the user does not.
    std::fs::remove_file(&link).unwrap();
    own_dir(&link);
    std::fs::write(link.join("thesis.tex"), "").unwrap();
    assert!(open(&settings(&a)).is_err() && link.join("thesis.tex").exists());
    std::fs::remove_file(link.join("thesis.tex")).unwrap();
    assert!(open(&settings(&a)).is_ok() && link.is_symlink());
}

#[test]
fn nobody_else_gets_at_the_files() {
    let mode = |dir: &Path| dir.metadata().unwrap().permissions().mode() & 0o7777;
    for (umask, wanted) in [(0o022, 0o755), (0o077, 0o700), (0o027, 0o750), (0o002, 0o755), (0, 0o755)] {
        assert_eq!(directory_mode(umask, false), wanted);
        assert_eq!(directory_mode(umask, true), 0o700);
    }
    let (dir, _) = site();
    for (shared, name) in [(0o777, "a"), (0o775, "b"), (0o1777, "c")] {
        let path = dir.path().join(name);
        std::fs::create_dir(&path).unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(shared)).unwrap();
        let error = open(&path).unwrap_err();
        assert!(error.hint_text().is_some() && mode(&path) == shared, "{error}");
        let settings = Settings { mem: Some(Some(path)), ..Settings::default() };
        assert_eq!(claim(&settings, dir.path()).is_ok(), shared & 0o1000 != 0, "{shared:o}");
    }
    if rustix::process::geteuid().is_root() {
        let path = dir.path().join("d");
        std::fs::create_dir(&path).unwrap();
        std::os::unix::fs::chown(&path, Some(65534), None).unwrap();
        let error = open(&path).unwrap_err();
        assert!(error.message().contains("belongs to another user"), "{error}");
    }
}

#[test]
fn places_that_are_nobodys_vardir() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().canonicalize().unwrap();
    for name in ["home", "src/mysql-test"] {
        own_dir(&dir.join(name));
    }
    let layout = Layout { test_dir: dir.join("src/mysql-test"), ..Layout::default() };
    let mut env = Env::default();
    env.set("HOME", dir.join("home"));
    for name in ["home", "src", "src/mysql-test", "."] {
        // Also where a marker got there.
        for _ in 0..2 {
            let settings = Settings { vardir: Some(dir.join(name)), ..Settings::default() };
            let error =
                ClaimedVardir::new(&settings, &layout, &env, Path::new("/"), 0).map(drop).unwrap_err();
            assert!(error.message().starts_with("the directory "), "{name}: {error}");
            contents::mark(&dir.join(name)).unwrap();
        }
    }
}

#[test]
fn paths_that_servers_do_not_get_along_with_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    for name in
        ["a\\b".to_owned(), "a\nb".to_owned(), "a\tb".to_owned(), format!("{0}/{0}/x", "x".repeat(200))]
    {
        let error = open(&dir.path().join(&name)).unwrap_err();
        assert!(error.message().starts_with("the path of the vardir "), "{error}");
        assert!(!dir.path().join(&name).exists());
    }
    for name in ["job@2", "a b", "c#1", "it's", "\"quoted\"", "ärger", "$HOME", "a;b", "50%"] {
        assert!(open(&dir.path().join(name)).is_ok(), "{name}");
    }
}

#[test]
fn a_leftover_names_the_vardir_itself() {
    let works = |command: &str| works_below(command.as_bytes(), Path::new("/tmp/v"));
    assert!(works("mariadbd\0--defaults-file=/tmp/v/my.cnf\0"));
    assert!(works("mariadbd\0--tmpdir=/tmp/v\0"));
    assert!(works("mariadbd\0--datadir\0/tmp/v/1/mysqld.1/data\0"));
    for other in ["/tmp/v2/my.cnf", "/tmp/v.old", "/srv/tmp/v/my.cnf", "/tmp", "/tmp/va"] {
        assert!(!works(&format!("mariadbd\0--defaults-file={other}\0")), "{other}");
        assert!(!works(&format!("mariadbd\0{other}\0")), "{other}");
    }
    assert!(!works(""));
}

#[test]
fn a_leftover_of_another_vardir_lives() {
    let run = |dir: &Path| {
        let (mut begun, theirs) = std::io::pipe().unwrap();
        let mut command = std::process::Command::new("sh");
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        command.args(["-c", "echo; sleep 600; :", "sh"]).arg(dir).stdout(theirs);
        let child = command.spawn().unwrap();
        // A process that is being started has no command line for a moment.
        io::Read::read_exact(&mut begun, &mut [0]).unwrap();
        child
    };
    let mut other = run(Path::new("/tmp/v2"));
    let mut ours = run(Path::new("/tmp/v"));
    let end = |child: &std::process::Child| end_leftover(Pid::from_child(child), Path::new("/tmp/v"));
    assert_eq!(end(&other), "   process did not exist!");
    assert!(other.try_wait().unwrap().is_none());
    assert_eq!(end(&ours), "   ok!");
    ours.wait().unwrap();
    let _ = rustix::process::kill_process_group(Pid::from_child(&other), Signal::KILL);
    other.wait().unwrap();
}

#[test]
fn long_paths_get_a_short_tmpdir() {
    let dir = tempfile::tempdir().unwrap();
    let (vardir, _) = open(&dir.path().join("x".repeat(100))).unwrap();
    assert!(!vardir.tmp.starts_with(&vardir.root));
    let dirs = vardir.worker(12, 16);
    assert!(dirs.tmp.join("mysqld.1.sock").as_os_str().len() < 108);
}
