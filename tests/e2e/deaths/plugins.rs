//! By plugins: real libraries, unfit in one way each, made by the C compiler from `plugin.c`.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::Death;
use crate::skip::{root_is_there, skip};
use crate::support::{compile_plugin, server_version};

/// Compiles `plugin.c` into `own.so` in the plugin directory of a test that is to die, with these arguments more.
fn plugin(arguments: &[&str]) -> Death {
    let death = Death::by_options("");
    compile(&death, "own.so", arguments);
    death
}

fn compile(death: &Death, library: &str, arguments: &[&str]) {
    compile_plugin(&death.site().path("plugins"), library, arguments);
}

/// With the options, and the directory of the compiled plugins.
fn with(death: Death, options: &str) -> Death {
    let dir = death.site().path("plugins");
    fs::create_dir_all(&dir).unwrap();
    death.site().test_file("dead.opt", format!("{options}\n--plugin-dir={}\n", dir.display()));
    death
}

#[test]
fn the_library_is_missing_and_a_variable_of_it_is_given() {
    let died = Death::by_options("--plugin-load-add=handlersockett.so\n--handlersocket_port=9998\n").dies();
    died.page("MTR-S020")
        .cause("MTR-S020", "'handlersockett.so', which --plugin-load-add=handlersockett.so (")
        .cause("MTR-S020", "dead.opt:1) asks for, is not in /")
        .cause("MTR-S020", "without it the server does not know 'handlersocket_port=9998'")
        .evidence("Can't open shared library '")
        .evidence("unknown variable 'handlersocket_port=9998'")
        .fix("did you mean handlersocket.so");
}

#[test]
fn the_library_is_missing_and_insisted_on() {
    for mode in ["FORCE", "FORCE_PLUS_PERMANENT"] {
        let died = with(Death::by_options(""), &format!("--plugin-load-add=gone\n--gone={mode}")).dies();
        died.cause("MTR-S020", "plugin-dir from ")
            .cause("MTR-S020", &format!("'gone={mode}'"))
            .evidence("Couldn't load plugins from 'gone.so'")
            .fix("set --plugin-dir");
    }
}

#[test]
fn a_setting_asks_for_a_missing_library() {
    let death = Death::by_options("--zap-port=2").configured_by(
        "!include include/default_my.cnf\n[mysqld.1]\nplugin-load-add=zap=no_such_engine.so;other.so\n",
    );
    let died = death.dies();
    died.cause("MTR-S020", "'no_such_engine.so'")
        .evidence("Couldn't load plugin 'zap' from 'no_such_engine.so'");
}

#[test]
fn the_list_ends_at_the_first_library_that_is_missing() {
    if server_version() >= 110_800 {
        return skip("MariaDB 11.8 goes on with the other libraries");
    }
    let died = with(plugin(&[]), "--plugin-load=gone.so;own.so\n--dying-port=3").dies();
    died.cause("MTR-S020", "'gone.so'").cause(
        "MTR-S020",
        "without it, and what the list names after it, the server does not know 'dying-port=3'",
    );
}

#[test]
fn the_directory_is_wrong() {
    let died = Death::by_options(
        "--plugin-load-add=handlersocket.so\n--handlersocket_port=1\n--plugin-dir=$MYSQLTEST_VARDIR/none\n",
    )
    .dies();
    died.cause("MTR-S020", "/none (plugin-dir from ").cause("MTR-S020", "dead.opt:3)");
}

#[test]
fn an_engine_is_missing_with_its_library() {
    let died = Death::by_options("--plugin-load-add=ha_nosuch.so\n--default-storage-engine=nosuch\n").dies();
    died.cause("MTR-S020", "without it there is no storage engine nosuch").evidence("Unknown/unsupported");
}

#[test]
fn a_path_instead_of_a_library() {
    let died = with(plugin(&[]), "--plugin-load-add=../plugins/own.so\n--dying-port=1").dies();
    died.cause("MTR-S020", "named with a directory").evidence("No paths allowed").fix("write only own.so");
}

#[test]
fn a_variable_for_the_library_is_empty() {
    let died = Death::by_options("--server-id=7\n--plugin-load-add=$HA_NOSUCH_SO\n--nosuch_port=1\n").dies();
    died.cause("MTR-S020", "--plugin-load-add= (")
        .cause("MTR-S020", "dead.opt:2), where $HA_NOSUCH_SO is empty, names no library")
        .fix("build or install the plugin");
}

#[test]
fn a_symbol_that_nobody_has() {
    let with_two = ["-DNEEDS=no_such_function", "-DALSO_NEEDS=no_such_function_either"];
    let died = with(plugin(&with_two), "--plugin-load-add=own.so\n--dying=FORCE").dies();
    died.page("MTR-S021")
        .cause("MTR-S021", "needs the symbol 'no_such_function")
        .cause("MTR-S021", "without it the server does not know 'dying=FORCE'")
        .evidence("undefined symbol: no_such_function")
        .evidence("own.so: 2 symbols are nowhere: no_such_function")
        .fix("build it with the sources and options of this very server");
}

#[test]
fn a_plugin_with_a_sanitizer_of_its_own() {
    let died = with(plugin(&["-DNEEDS=__asan_init"]), "--plugin-load-add=own.so\n--dying-port=1").dies();
    died.cause("MTR-S021", "is built with AddressSanitizer, the server without").fix("build both with");
}

#[test]
fn a_debug_plugin_in_a_release_server() {
    for symbol in ["_db_my_assert", "_db_enter_", "safe_mutex_lock"] {
        let needs = format!("-DNEEDS={symbol}");
        let died = with(plugin(&[&needs]), "--plugin-load-add=own.so\n--dying_port=1").dies();
        if symbol == "_db_enter_" {
            died.page("MTR-S022");
        }
        died.cause("MTR-S022", "is of a Debug build, the server of a Release build")
            .cause("MTR-S022", symbol)
            .evidence(&format!("undefined symbol: {symbol}"))
            .fix("CMAKE_BUILD_TYPE");
    }
}

#[test]
fn another_plugin_interface() {
    let died = with(plugin(&["-DINTERFACE=0x0203"]), "--plugin-load-add=own.so\n--dying-port=1").dies();
    died.page("MTR-S023")
        .cause("MTR-S023", "interface version mismatch")
        .evidence("plugin interface 2.3, the server has 1.");
}

#[test]
fn another_server_version() {
    let died =
        with(plugin(&["-USERVER", "-DSERVER=100500"]), "--plugin-load-add=own.so\n--dying=FORCE").dies();
    died.cause("MTR-S023", "API version for DAEMON plugin dying not supported")
        .evidence("plugin 'dying' was compiled with the headers of server 10.5.0")
        .fix("build it against the headers of this very server");
}

#[test]
fn a_plugin_that_is_not_mature() {
    let options = "--plugin-load-add=own.so\n--dying-port=1\n--plugin-maturity=stable";
    let died = with(plugin(&["-DMATURITY=2"]), options).dies();
    died.page("MTR-S024")
        .cause("MTR-S024", "has a plugin of maturity alpha, and --plugin-maturity=stable (")
        .cause("MTR-S024", "dead.opt:3) wants more")
        .evidence("Loading of alpha plugin dying is prohibited")
        .fix("--plugin-maturity=alpha");
}

#[test]
fn all_plugins_of_a_library_have_to_be_mature() {
    let died =
        Death::by_options("--plugin-load-add=ha_example.so\n--example=FORCE\n--plugin-maturity=beta\n")
            .dies();
    died.cause("MTR-S024", "maturity experimental, and --plugin-maturity=beta").fix("experimental");
}

#[test]
fn initialisation_fails_and_is_insisted_on() {
    let died = with(plugin(&["-DFAILS"]), "--plugin-load-add=own.so\n--dying=FORCE").dies();
    died.page("MTR-S025")
        .cause("MTR-S025", "the plugin 'dying', which --dying=FORCE (")
        .evidence("Plugin 'dying' registration as a DAEMON failed")
        .evidence("Failed to initialize plugins");
    let died = Death::by_options(
        "--plugin-load-add=file_key_management\n--file-key-management=FORCE_PLUS_PERMANENT\n",
    );
    died.dies().evidence("file-key-management-filename is not set").also_seen("MTR-S025");
}

#[test]
fn a_built_in_plugin_loaded_by_name() {
    let died = Death::by_options("--plugin-load-add=innodb=ha_innodb.so\n--nosuch=FORCE\n").dies();
    died.page("MTR-S027").cause("MTR-S027", "no plugin 'nosuch' is built into").also_seen("MTR-S026");
    let died = with(plugin(&["-DNAME=\"partition\""]), "--plugin-load-add=own.so\n--partition-port=3").dies();
    died.page("MTR-S026")
        .cause("MTR-S026", "has the plugin 'partition', which is built into the server")
        .evidence("Function 'partition' already exists")
        .fix("do not load it");
}

#[test]
fn a_plugin_that_the_library_does_not_have() {
    let died = Death::by_options("--plugin-load-add=nosuch=auth_ed25519.so\n--nosuch=FORCE\n").dies();
    died.cause("MTR-S027", "has no plugin 'nosuch'")
        .evidence("Couldn't load plugin 'nosuch' from 'auth_ed25519.so'")
        .evidence("has the plugins ed25519")
        .fix("write ed25519=auth_ed25519.so or only auth_ed25519.so");
}

#[test]
fn a_plugin_that_is_not_linked_in() {
    let died = Death::by_options("--nosuch-plugin=FORCE\n").dies();
    died.cause("MTR-S027", "no plugin 'nosuch-plugin' is built into the server or loaded")
        .evidence("unknown variable 'nosuch-plugin=FORCE'")
        .fix("-DPLUGIN_NOSUCH_PLUGIN=STATIC");
}

#[test]
fn a_variable_of_a_plugin_that_nobody_loads() {
    let died = Death::by_options("--handlersocket_port=9998\n").dies();
    died.cause("MTR-S002", "'handlersocket_port=9998' (")
        .cause(
            "MTR-S002",
            "is of the plugin 'handlersocket', which the server has neither built in nor loaded",
        )
        .evidence("handlersocket.so is there and has this option")
        .fix("--plugin-load-add=handlersocket.so")
        .fix("--loose-handlersocket_port=9998");
}

#[test]
fn a_library_that_is_no_plugin() {
    let died = with(plugin(&["-DNO_PLUGIN"]), "--plugin-load-add=own.so\n--own=FORCE").dies();
    died.page("MTR-S028")
        .cause("MTR-S028", "is no plugin: it does not have the symbol '_")
        .evidence("Can't find symbol '_");
}

#[test]
fn files_that_are_no_libraries() {
    for text in
        ["", "hello\n", "#!/bin/sh\necho this is a longer text than the header of a library\nexit 0\n"]
    {
        let death = Death::by_options("");
        death.site().file("plugins/own.so", text);
        with(death, "--plugin-load-add=own.so\n--own=FORCE").dies().cause("MTR-S028", "is no shared library");
    }
}

#[test]
fn a_library_of_another_machine() {
    let death = plugin(&[]);
    let path = death.site().path("plugins/own.so");
    let mut bytes = fs::read(&path).unwrap();
    // The field of the machine, little-endian: s390.
    bytes[18..20].copy_from_slice(&[22, 0]);
    fs::write(&path, bytes).unwrap();
    let died = with(death, "--plugin-load-add=own.so\n--own=FORCE\n--dying=FORCE").dies();
    died.cause("MTR-S028", "is for s390x (64 bits), and the server for ").fix("in its place");
}

#[test]
fn a_library_that_may_not_be_read() {
    if !root_is_there("to give files to another user than the server's") {
        return;
    }
    let death = plugin(&[]);
    fs::set_permissions(death.site().path("plugins/own.so"), PermissionsExt::from_mode(0o000)).unwrap();
    let died = with(death, "--plugin-load-add=own.so\n--dying=FORCE\n--user=nobody");
    let died = died.prepared_by("chown -R nobody $MYSQLTEST_VARDIR\n").dies();
    died.cause("MTR-S020", "may not be read").evidence("Permission denied");
}

#[test]
fn a_library_of_the_library_is_missing() {
    let death = plugin(&[]);
    let dir = death.site().path("plugins");
    compile(&death, "libgone.so", &["-DNO_PLUGIN", "-Dstart=gone", "-Dstatic=", "-Wl,-soname,libgone.so.4"]);
    let directory = format!("-L{}", dir.display());
    compile(&death, "own.so", &["-DNEEDS=gone", &directory, "-lgone"]);
    let died = with(death, "--plugin-load-add=own.so\n--dying=FORCE").dies();
    died.page("MTR-S029")
        .cause("MTR-S029", "needs the library 'libgone.so.4', which is not there")
        .evidence("libgone.so.4: cannot open shared object file")
        .fix("LD_LIBRARY_PATH");
}
