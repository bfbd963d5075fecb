//! Servers that a run leaves for a person, asked by a client that is not ours: with our own one alone, one fault could
//! hide another.

use std::time::Duration;

use mysql::prelude::Queryable as _;
use mysql::{Conn, OptsBuilder};

use crate::support::Site;

/// A site with a test whose options a server that is started for it must have.
fn site() -> Site {
    let site = Site::real();
    site.test_file("good.test", "select 1;\n").test_file("good.result", "select 1;\n1\n1\n");
    site.test_file("good.opt", "--max-connections=77 --init-connect='set @left_by_a_run=1'\n");
    site
}

/// A connection as the account that runs use, through the socket of the first server.
fn connect(site: &Site) -> Conn {
    let socket = site.path("var/tmp/mysqld.1.sock");
    let socket = socket.to_str().unwrap().to_owned();
    let options = OptsBuilder::new().user(Some("root")).socket(Some(socket)).prefer_socket(false);
    Conn::new(options.db_name(Some("test"))).unwrap()
}

fn variable(connection: &mut Conn, name: &str) -> String {
    connection.query_first(format!("select @@global.{name}")).unwrap().unwrap()
}

#[test]
fn start_and_exit_leaves_a_server_with_the_options_of_the_test() {
    let site = site();
    let run = site.run().args(["--start-and-exit", "good"]).start().finish_leaving_processes();
    run.exits(0).says("not waiting for them to finish");
    let mut connection = connect(&site);
    assert_eq!(variable(&mut connection, "max_connections"), "77");
    let datadir = variable(&mut connection, "datadir");
    assert!(datadir.starts_with(site.path("var").to_str().unwrap()), "{datadir}");
    connection.query_drop("create table left_by_a_run (a int, b blob)").unwrap();
    connection.exec_drop("insert into left_by_a_run values (?, ?)", (7, &b"\0\xff'"[..])).unwrap();
    let row: (i32, Vec<u8>) = connection.query_first("select a, b from left_by_a_run").unwrap().unwrap();
    assert_eq!(row, (7, b"\0\xff'".to_vec()));
    // The server answers and ends; the connection may be gone before the answer.
    let _ = connection.query_drop("shutdown");
    site.herd().assert_gone(Duration::from_secs(60));
}

#[test]
fn start_serves_until_the_server_is_shut_down() {
    let site = site();
    let run = site.run().args(["--start", "good"]).start();
    crate::support::wait_for(&run.file("console"), |text| text.contains("Waiting for server(s) to exit"));
    let mut connection = connect(&site);
    assert_eq!(variable(&mut connection, "max_connections"), "77");
    let _ = connection.query_drop("shutdown");
    let finished = run.finish();
    finished.says("died");
}
