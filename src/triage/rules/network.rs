//! Ports, addresses and the unix socket (runner §9.5).

use bstr::{BStr, BString, ByteSlice};

use crate::triage::argument::name;
use crate::triage::catalogue::{
    BAD_ADDRESS, PORT_CLAIMED_TWICE, PORT_IN_USE, SOCKET_DIRECTORY, SOCKET_IN_USE, SOCKET_TOO_LONG,
    UNREACHABLE,
};
use crate::triage::collect::holders::port_of;
use crate::triage::evidence::{Holder, OtherServer, Resource};
use crate::triage::files::{self, absolute, complaints, obstacle, served, source};
use crate::triage::finding::Finding;
use crate::triage::finding::Rule;
use crate::triage::log::{Entry, Level};
use crate::triage::scene::Scene;

/// The rules of this file.
pub const RULES: &[Rule] = &[unreachable, client, port, address, socket_too_long, socket];

/// Longest path of a unix socket in bytes (`sun_path` without its final NUL).
const SOCKET_BYTES: usize = 107;

/// A line about a unix socket and not about TCP.
fn about_socket(entry: &Entry<'_>) -> bool {
    let text = entry.words();
    text.contains_str("unix socket") || text.contains_str("socket file")
}

/// ` (--port=1, t/x.opt:3)`, or nothing where the option was not given.
fn aside(scene: &Scene<'_>, option: &str) -> String {
    source(scene, option).map(|source| format!(" ({source})")).unwrap_or_default()
}

fn port<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    let taken = |entry: &Entry<'a>| entry.system_error() == Some(libc::EADDRINUSE) && !about_socket(entry);
    let entry = complaints(scene).find(taken).filter(|_| !served(scene))?;
    let told = scene.line(&["server running on port", "server running on TCP port"]);
    let named = told.as_ref().and_then(port_of).or_else(|| port_of(&entry));
    let number = named.or_else(|| value_of(scene, "port"))?;
    let option = option_of_port(scene, number);
    let source = option.as_ref().and_then(|option| source(scene, option));
    let given = option.as_ref().and_then(|option| scene.given(option));
    let own = scene.own(given);
    let whose = source.as_ref().map(|source| format!(" ({source})")).unwrap_or_default();
    let finding =
        |cause, text: String| Finding::new(cause, text).quoting([entry]).quoting(told).blaming(given);
    let holders = scene.holders(&Resource::Port(number));
    let other_port = match &own {
        Some(own) => format!("remove {own}: the runner gives each server a port of its own"),
        None => "let the runner use other ports: --port-base=PORT".to_owned(),
    };
    if let Some(other) = fellow_with(scene, number, &holders) {
        let text =
            format!("{} and {} both claim the TCP port {number}{whose}", scene.evidence.server, other.server);
        let fix = match own {
            Some(_) => other_port,
            None => {
                "give the servers different ports, or none: the runner gives each one of its own".to_owned()
            }
        };
        return Some(with_holders(finding(PORT_CLAIMED_TWICE, text).fix(fix), "port", &holders));
    }
    if let Some(holder) = holders.first() {
        let text =
            format!("the TCP port {number}{whose} is in use by process {}: {}", holder.pid, holder.command);
        let fix = format!("end process {}, or {other_port}", holder.pid);
        return Some(with_holders(finding(PORT_IN_USE, text).fix(fix), "port", &holders));
    }
    if ["port", "extra-port"].iter().all(|option| value_of(scene, option) == Some(number)) {
        let text = format!(
            "the server itself claims the TCP port {number} twice, with port and extra-port{}",
            aside(scene, "extra-port")
        );
        return Some(
            finding(PORT_IN_USE, text)
                .blaming(scene.given("extra-port"))
                .fix(scene.or_remove("give extra-port another port", scene.given("extra-port"))),
        );
    }
    if let Some(addresses) = scene.given("bind-address").filter(|given| given.value.contains(&b',')) {
        let text = format!(
            "the server itself may claim the TCP port {number} twice: its addresses overlap{}",
            aside(scene, "bind-address")
        );
        let fix = "`*`, `0.0.0.0` and `::` take all addresses: name no other beside them";
        let fix = scene.or_remove(fix, addresses);
        return Some(finding(PORT_IN_USE, text).blaming(addresses).fix(fix).likely());
    }
    let text = format!("the TCP port {number}{whose} is in use");
    let fix = format!("find who has it (ss -ltnp), or {other_port}");
    Some(finding(PORT_IN_USE, text).fix(fix))
}

fn value_of(scene: &Scene<'_>, option: &str) -> Option<u16> {
    scene.given(option)?.value.to_str().ok()?.trim().parse().ok()
}

/// The option that gives this port: `port`, `extra-port`, or one of a plugin.
fn option_of_port(scene: &Scene<'_>, number: u16) -> Option<String> {
    let known = ["port", "extra-port"].map(str::to_owned).into_iter();
    let arguments = scene.evidence.argv.iter().map(|option| option.text.as_bstr());
    let settings = scene.evidence.settings.iter().map(|setting| setting.name.as_bstr());
    let of_plugins = arguments.chain(settings).map(|word| name(word).to_str_lossy().to_ascii_lowercase());
    known
        .chain(of_plugins.filter(|option| option.contains("port")))
        .find(|option| value_of(scene, option) == Some(number))
}

/// The server of the run that has this port, or is to have it.
fn fellow_with<'a>(scene: &Scene<'a>, port: u16, holders: &[&'a Holder]) -> Option<&'a OtherServer> {
    let others = &scene.evidence.others;
    let holds =
        |other: &&OtherServer| other.pid.is_some() && holders.iter().any(|h| Some(h.pid) == other.pid);
    // One that is to have it is to blame only where nobody else is known to have it.
    let claims = |other: &&OtherServer| holders.is_empty() && other.port == Some(port);
    others.iter().find(holds).or_else(|| others.iter().find(claims))
}

/// Tells who holds it, as the runner saw it.
fn with_holders<'a>(mut finding: Finding<'a>, what: &str, holders: &[&Holder]) -> Finding<'a> {
    for holder in holders {
        finding = finding.seen(format!("process {} has the {what}: {}", holder.pid, holder.command));
    }
    finding
}

fn address<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    let needles = ["IP socket", "TCP/IP port", "TCP address", "create a socket for IP"];
    let about = |entry: &Entry<'a>| needles.iter().any(|needle| entry.says(needle));
    let known = [libc::EADDRINUSE, libc::EMFILE, libc::ENFILE, libc::ENOMEM];
    let mut lines = complaints(scene).filter(about).filter(|_| !served(scene));
    let entry = lines.find(|entry| !entry.system_error().is_some_and(|number| known.contains(&number)))?;
    if complaints(scene).filter(about).any(|entry| entry.system_error().is_some_and(|n| known.contains(&n))) {
        return None;
    }
    let option =
        ["bind-address", "extra-bind-address"].into_iter().find(|option| scene.given(option).is_some());
    let given = option.and_then(|option| scene.given(option));
    let value = given.map(|given| given.value).unwrap_or_default();
    if let (Some(libc::EACCES | libc::EPERM), Some(number)) = (entry.system_error(), value_of(scene, "port"))
    {
        let text =
            format!("{} may not bind the TCP port {number}{}", files::who(scene), aside(scene, "port"));
        let fix = "ports below 1024 are for privileged users (net.ipv4.ip_unprivileged_port_start): use a higher one";
        return Some(Finding::new(BAD_ADDRESS, text).quoting([entry]).blaming(scene.given("port")).fix(fix));
    }
    let why =
        [": errno: ", ": error: ", "IP socket: ", "Got error: "].iter().find_map(|words| entry.after(words));
    let why = why.map(|why| format!(": {why}")).unwrap_or_default();
    let whose = option.map(|option| aside(scene, option)).unwrap_or_default();
    let (text, fix) = if value.is_empty() {
        (
            "no TCP address can be bound".to_owned() + &why,
            "see whether this machine has a network, and which addresses",
        )
    } else {
        (
            format!("the address '{value}'{whose} cannot be bound{why}"),
            "name an address of this machine, or 127.0.0.1 for local use; several are separated by `,` without blanks",
        )
    };
    // The same name fails everywhere; this line tells which part of a list it is.
    let lookup = scene.line(&["getaddrinfo() failed"]).filter(|line| line.line != entry.line);
    Some(
        Finding::new(BAD_ADDRESS, text)
            .quoting(lookup.into_iter().chain([entry]))
            .blaming(given)
            .fix(scene.or_remove(fix, given)),
    )
}

fn socket_too_long<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    let entry = complaints(scene).find(|entry| entry.says("too long") && about_socket(entry))?;
    let path = files::mentioned(&entry).or_else(|| scene.given("socket").map(|given| given.value))?;
    let text = format!(
        "the path of the socket has {} bytes, {SOCKET_BYTES} are possible: '{path}'{}",
        path.len(),
        origin_of_socket(scene)
    );
    let fix = match scene.own(scene.given("socket")) {
        Some(own) => format!("remove {own}: {OWN_SOCKET}"),
        None => "use a shorter --vardir or --tmpdir".to_owned(),
    };
    Some(Finding::new(SOCKET_TOO_LONG, text).quoting([entry]).blaming(scene.given("socket")).fix(fix))
}

/// Why a socket of one's own is of no use.
const OWN_SOCKET: &str = "the runner connects to the socket of the configuration";

/// A connection that the runner could not make to a server that is ready.
fn unreachable<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    let needle = "could not open connection to ";
    let Some(entry) =
        scene.log.iter().rev().copied().find(|entry| entry.message.starts_with(needle.as_bytes()))
    else {
        return refused(scene);
    };
    let (wanted, why) = entry.message[needle.len()..].split_once_str(": ")?;
    let (number, _) = why.split_once_str(" ").unwrap_or((why, b""));
    let server = &scene.evidence.server;
    let elsewhere = scene.given("socket").filter(|given| {
        !given.value.is_empty() && absolute(scene, given.value).as_os_str().as_encoded_bytes() != wanted
    });
    if let Some(given) = elsewhere.filter(|_| number == b"2002") {
        let text = format!(
            "{server} is ready and listens on another socket than the runner connects to: {}",
            scene.written(&given)
        );
        let fix = scene.remove_or(given, &format!(": {OWN_SOCKET}"), "use the socket of the configuration");
        return Some(Finding::new(UNREACHABLE, text).quoting([entry]).blaming(given).fix(fix));
    }
    let text = format!("the runner cannot connect to {server}: {}", why.as_bstr());
    let finding = Finding::new(UNREACHABLE, text).quoting([entry]);
    let options: &[&str] = match number {
        b"1040" => &["max-connections"],
        b"1203" | b"1226" => &["max-user-connections"],
        b"1045" | b"1698" | b"1130" | b"1524" => &["init-file"],
        _ => &[],
    };
    let given = options.iter().find_map(|option| scene.given(option));
    let advice = match number {
        b"1040" | b"1203" | b"1226" => "leave a connection to the runner: raise the limit",
        b"1045" | b"1698" | b"1130" | b"1524" => {
            "leave the runner's account as it was: root@localhost without a password; look for the statement that changes it"
        }
        _ => {
            "see the server's log, and what the options and the -master.sh of the test change of its connections"
        }
    };
    let fix = scene.or_remove(advice, given);
    Some(finding.blaming(given).fix(fix).likely())
}

/// A client of the script's that reaches no server, in the words of the client.
fn client<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    let words = [
        "Can't connect to ",
        "Unknown server host '",
        "Unknown MySQL server host '",
        "Lost connection to server at '",
    ];
    let entry =
        scene.log.last().copied().filter(|entry| entry.level == Level::None && !entry.is_command())?;
    let client = entry.message.contains_str("ERROR 2") || entry.message.contains_str("Got error: 2");
    if !client || !words.iter().any(|words| entry.message.contains_str(words)) {
        return None;
    }
    let given = ["socket", "host", "port"].iter().find_map(|option| scene.given(option));
    let text = format!("{} reaches no server: {}", scene.evidence.server, entry.message);
    let fix = "see which server it is to reach, whether that one runs at this place of the script, and whether it has this socket, \
               host or port";
    Some(Finding::new(UNREACHABLE, text).quoting([entry]).blaming(given).fix(fix).likely())
}

/// What a server answers that the runner, or a client, asks: words, and whether the account is what it does not like.
const REFUSALS: [(&str, bool); 7] = [
    ("Access denied for user", true),
    ("is not allowed to connect", true),
    ("Too many connections", false),
    ("PROCEDURE mtr.", false),
    ("Unknown database 'mtr'", false),
    ("Table 'mtr.", false),
    ("is running with the --read-only option", false),
];

/// The server let itself be connected to, and refuses what the runner asks. The line is the runner's own: it has no time.
fn refused<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    let entry = scene.log.last().copied().filter(|entry| entry.raw.starts_with(b"0 [ERROR] "))?;
    let (words, account) = REFUSALS.iter().find(|(words, _)| entry.message.contains_str(words))?;
    let server = &scene.evidence.server;
    let given = match *words {
        "Too many connections" => scene.given("max-connections"),
        "is running with the --read-only option" => scene.given("read-only"),
        _ => scene.given("init-file"),
    };
    let (what, fix) = match (*account, *words) {
        (true, _) => (
            "does not let the runner in",
            "leave the account root@localhost without a password to the runner: see which statement changes it",
        ),
        (_, "Too many connections") => ("has no connection left for the runner", "raise the limit"),
        (_, "is running with the --read-only option") => {
            ("does not let the runner write", "make it writable")
        }
        _ => (
            "lacks what the runner's checks need",
            "leave the database mtr to the runner: see which statement changes it",
        ),
    };
    let text = format!("{server} {what}: {}", entry.message);
    let finding = Finding::new(UNREACHABLE, text).quoting([entry]).blaming(given);
    let fix = scene.or_remove(fix, given);
    Some(if given.is_some() { finding.fix(fix) } else { finding.fix(fix).likely() })
}

/// ` (t/x.opt:3)`: where the socket was named.
fn origin_of_socket(scene: &Scene<'_>) -> String {
    scene.given("socket").map(|given| format!(" ({})", scene.origin(&given))).unwrap_or_default()
}

fn socket<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    let fits = |entry: &Entry<'a>| {
        about_socket(entry)
            && (entry.says("already listening") || entry.says("Bind on") || entry.says("Error checking"))
    };
    let entry = complaints(scene).find(fits).filter(|_| !served(scene))?;
    let told = scene.line(&["server running on socket"]);
    let path = socket_path(scene, &entry, told)?;
    let file = absolute(scene, path.as_bstr());
    let given = scene.given("socket");
    let finding =
        |cause, text: String| Finding::new(cause, text).quoting([entry]).quoting(told).blaming(given);
    let why = format!(": {OWN_SOCKET}");
    let whose = origin_of_socket(scene);
    let error = entry.system_error();
    let holders = scene.holders(&Resource::Socket(file.clone()));
    let directory = scene.evidence.system.paths.iter().any(|fact| fact.path == file && fact.directory);
    if directory {
        let text = format!("the socket '{path}'{whose} is a directory");
        return Some(finding(SOCKET_DIRECTORY, text).fix(scene.remove_or(given, &why, "name a file in it")));
    }
    if !holders.is_empty() || entry.says("already listening") || error == Some(libc::EADDRINUSE) {
        let (by, fix) = match holders.first() {
            Some(holder) => (
                format!(" by process {}: {}", holder.pid, holder.command),
                match scene.own(given) {
                    Some(own) => format!("remove {own}{why}; or end process {}", holder.pid),
                    None => format!("end process {}, or use another --vardir", holder.pid),
                },
            ),
            None => (
                String::new(),
                scene.remove_or(given, &why, "find who listens there (ss -lxp), or use another --vardir"),
            ),
        };
        let text = format!("the socket '{path}'{whose} is in use{by}");
        return Some(with_holders(finding(SOCKET_IN_USE, text).fix(fix), "socket", &holders));
    }
    if let Some(obstacle) = obstacle(scene, &file) {
        let text =
            format!("the socket '{path}'{whose} cannot be made: {}", files::describe(scene, &obstacle));
        let fix = scene.remove_or(given, &why, files::remedy(scene, &obstacle));
        return Some(finding(SOCKET_DIRECTORY, text).fix(fix));
    }
    let text = format!("the socket '{path}'{whose} cannot be made: {}", entry.message);
    Some(
        finding(SOCKET_DIRECTORY, text)
            .fix("see whether its directory exists and the server's user may write to it"),
    )
}

fn socket_path<'a>(scene: &Scene<'a>, entry: &Entry<'a>, told: Option<Entry<'a>>) -> Option<BString> {
    let asked: Option<&BStr> = told.and_then(|told| told.between("running on socket: ", " ?"));
    let path = asked
        .or_else(|| files::mentioned(entry))
        .or_else(|| scene.given("socket").map(|given| given.value))?;
    Some(path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::triage::evidence::{Evidence, PathFact};
    use crate::triage::rules::judge::findings;
    use crate::triage::testing::{Vector, check, codes, failed};

    const TAKEN: &str = "t 0 [ERROR] Can't start server: Bind on TCP/IP port. Got error: 98: Address already in use\n\
                         t 0 [ERROR] Do you already have another server running on port: 19000 ?\nt 0 [ERROR] Aborting";

    const VECTORS: &[Vector] = &[
        (
            "MTR-S030",
            &["--port=19000"],
            TAKEN,
            Some("--port=19000"),
            "the TCP port 19000 (--port=19000, x.opt:1) is in use",
        ),
        (
            "MTR-S030",
            &["--port=1", "--extra_port=19000"],
            TAKEN,
            Some("--extra_port=19000"),
            "remove --extra_port=19000",
        ),
        ("MTR-S030", &[], TAKEN, None, "--port-base=PORT"),
        (
            // 10.4 and before
            "MTR-S030",
            &["--port", "19000"],
            "181123 18:00:00 [ERROR] Can't start server: Bind on TCP/IP port: Address already in use\n\
             181123 18:00:00 [ERROR] Do you already have another mysqld server running on port: 19000 ?",
            Some("--port"),
            "the TCP port 19000 (--port 19000, x.opt:1) is in use",
        ),
        (
            "MTR-S030",
            &["--port=19000", "--extra-port=19000"],
            TAKEN,
            Some("--extra-port=19000"),
            "the server itself claims the TCP port 19000 twice",
        ),
        (
            // A plugin with a port of its own.
            "MTR-S030",
            &["--loose_handlersocket_port=9998"],
            "t 0 [ERROR] handlersocket: failed to listen: bind failed, port 9998: Address already in use",
            Some("--loose_handlersocket_port=9998"),
            "the TCP port 9998",
        ),
        (
            "MTR-S032",
            &["--bind-address=not.a.host.invalid"],
            "t 0 [ERROR] Can't create IP socket: Name or service not known\nt 0 [ERROR] Aborting",
            Some("--bind-address=not.a.host.invalid"),
            "the address 'not.a.host.invalid' (--bind-address=not.a.host.invalid, x.opt:1) cannot be bound: Name or service",
        ),
        (
            // The server asks for addresses that are not there yet (IP_FREEBIND), other systems refuse.
            "MTR-S032",
            &["--bind-address=192.0.2.1", "--port=19000"],
            "t 0 [ERROR] Can't start server: Bind on TCP/IP port. Got error: 99: Cannot assign requested address\n\
             t 0 [ERROR] Do you already have another server running on port: 19000 ?",
            Some("--bind-address=192.0.2.1"),
            "the address '192.0.2.1'",
        ),
        (
            "MTR-S032",
            &["--bind-address=::"],
            "t 0 [ERROR] Failed to create a socket for IPv6 '::': errno: 97.\nt 0 [ERROR] No TCP address could be bound to",
            Some("--bind-address=::"),
            "the address '::'",
        ),
        (
            "MTR-S032",
            &["--port=80", "--user=nobody"],
            "t 0 [ERROR] Can't start server: Bind on TCP/IP port. Got error: 13: Permission denied",
            Some("--port=80"),
            "may not bind the TCP port 80",
        ),
        (
            "MTR-S033",
            &["--socket=/v/long"],
            "t 0 [ERROR] The socket file path is too long (> 107): /v/long",
            Some("--socket=/v/long"),
            "has 7 bytes, 107 are possible: '/v/long' (x.opt:1)",
        ),
        (
            "MTR-S034",
            &["--socket=/v/s"],
            "t 0 [ERROR] Another process is already listening on the socket file '/v/s'. Aborting.",
            Some("--socket=/v/s"),
            "the socket '/v/s' (x.opt:1) is in use",
        ),
        (
            "MTR-S034",
            &[],
            "t 0 [ERROR] Can't start server : Bind on unix socket: Address already in use\n\
             t 0 [ERROR] Do you already have another mysqld server running on socket: /v/s ?",
            None,
            "the socket '/v/s' is in use",
        ),
        (
            "MTR-S035",
            &["--socket=/n/s"],
            "t 0 [ERROR] Can't start server : Bind on unix socket: No such file or directory\n\
             t 0 [ERROR] Do you already have another server running on socket: /n/s ?",
            Some("--socket=/n/s"),
            "the socket '/n/s' (x.opt:1) cannot be made",
        ),
    ];

    #[test]
    fn every_vector_finds_its_cause_argument_and_words() {
        check(VECTORS);
    }

    fn told(evidence: &Evidence) -> (&'static str, String) {
        let scene = Scene::new(evidence);
        let found = findings(&scene).remove(0);
        (found.cause.code, found.text.to_string())
    }

    #[test]
    fn holders_and_fellows_are_named() {
        let mut evidence = failed(1, &[], TAKEN);
        let other = OtherServer {
            server: "mysqld.2".into(),
            port: Some(19000),
            pid: Some(7),
            ..OtherServer::default()
        };
        evidence.others = vec![OtherServer { server: "mysqld.3".into(), ..OtherServer::default() }, other];
        assert_eq!(
            told(&evidence),
            ("MTR-S031", "mysqld.1 and mysqld.2 both claim the TCP port 19000".to_owned())
        );
        let holder = |pid| Holder { resource: Resource::Port(19000), pid, command: "nc -l".into() };
        evidence.system.holders = vec![holder(7)];
        assert_eq!(told(&evidence).0, "MTR-S031");
        evidence.system.holders = vec![holder(8)];
        assert_eq!(
            told(&evidence),
            ("MTR-S030", "the TCP port 19000 is in use by process 8: nc -l".to_owned())
        );
    }

    #[test]
    fn a_directory_is_no_socket() {
        let log = "t 0 [ERROR] Can't start server : Bind on unix socket: Address already in use\n\
                   t 0 [ERROR] Do you already have another server running on socket: /d ?";
        let mut evidence = failed(1, &["--socket=/d"], log);
        let fact = PathFact { path: "/d".into(), exists: true, directory: true, ..PathFact::default() };
        evidence.system.paths = vec![fact];
        assert_eq!(told(&evidence), ("MTR-S035", "the socket '/d' (x.opt:1) is a directory".to_owned()));
    }

    #[test]
    fn what_is_another_cause_or_none() {
        let files = "t 0 [ERROR] Failed to create a socket for IPv4 '127.0.0.1': errno: 24.\n\
                     t 0 [ERROR] No TCP address could be bound to";
        assert!(!codes(&failed(1, &[], files)).contains(&"MTR-S032"));
        let up = format!("{TAKEN}\nt 0 [Note] mariadbd: ready for connections.");
        assert!(!codes(&failed(1, &[], &up)).contains(&"MTR-S030"));
    }
}
