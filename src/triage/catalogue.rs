//! Every cause that a diagnosis can name: a stable code, a short name and a title. `docs/triage/` has a page for each.

/// How far a cause explains a death by itself: the more, the earlier it is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rank {
    /// The process was torn down: a signal, a crash, a sanitizer.
    Death,
    /// The server gave up for this reason, or the system gave up on the server.
    Refusal,
    /// The server complained and went on; often the reason for a refusal that follows.
    Setback,
    /// What usually follows from another cause, and is one only where nothing else was found.
    Consequence,
    /// Not a cause but the place to begin reading.
    General,
}

/// One entry of the catalogue.
#[derive(Debug, PartialEq, Eq)]
pub struct Cause {
    /// `MTR-S001`: never used again for another cause.
    pub code: &'static str,
    /// `blanks-around-equals`.
    pub name: &'static str,
    /// What it is, as a heading.
    pub title: &'static str,
    /// Its place among several findings.
    pub rank: Rank,
}

macro_rules! causes {
    ($($constant:ident $code:literal $name:literal $rank:ident $title:literal;)*) => {
        $(
            #[doc = $title]
            pub const $constant: &Cause =
                &Cause { code: $code, name: $name, title: $title, rank: Rank::$rank };
        )*

        /// All of them, by code.
        pub const CAUSES: &[&Cause] = &[$($constant),*];
    };
}

causes! {
    // Options.
    BLANKS "MTR-S001" "blanks-around-equals" Refusal "Blanks around the `=` of an option";
    UNKNOWN_VARIABLE "MTR-S002" "unknown-variable" Refusal "A variable that the server does not know, without `loose`";
    UNKNOWN_OPTION "MTR-S003" "unknown-option" Refusal "An option that the server does not know";
    AMBIGUOUS_OPTION "MTR-S004" "ambiguous-option" Refusal "The beginning of several options";
    BAD_VALUE "MTR-S005" "bad-value" Refusal "A value that the option does not take";
    BAD_SUFFIX "MTR-S006" "bad-suffix" Refusal "A number with an unknown suffix";
    OUT_OF_RANGE "MTR-S007" "out-of-range" Refusal "A value that the server refuses as too small, too large or unfitting";
    STRAY_ARGUMENT "MTR-S008" "stray-argument" Refusal "A word that is no option";
    OTHER_VERSION "MTR-S009" "option-of-another-version" Refusal "An option of another server version";
    MISSING_VALUE "MTR-S010" "missing-value" Refusal "An option without its value";
    OPTION_FILE_UNREADABLE "MTR-S011" "option-file-unreadable" Refusal "An option file that cannot be read";
    OPTION_FILE_SYNTAX "MTR-S012" "option-file-syntax" Refusal "An option file with a syntax error";
    OPTION_GROUP_MISSING "MTR-S013" "option-group-missing" Refusal "A group that the option file does not have";
    INIT_FILE "MTR-S014" "init-file" Refusal "An `--init-file` that is missing or has an error";
    OPTION_CONFLICT "MTR-S015" "option-conflict" Refusal "Options that contradict or need each other";
    UNKNOWN_ENGINE "MTR-S016" "unknown-engine" Consequence "A default storage engine that is not there";
    UNKNOWN_CHARSET "MTR-S017" "unknown-charset" Refusal "A character set, collation, locale or time zone that is not there";
    SEVERAL_OPTIONS "MTR-S018" "several-options" Refusal "Several options in one argument";
    // Plugins.
    PLUGIN_MISSING "MTR-S020" "plugin-missing" Setback "A plugin's file is not there";
    PLUGIN_SYMBOL "MTR-S021" "plugin-symbol" Setback "A plugin needs a symbol that the server does not have";
    PLUGIN_BUILD_TYPE "MTR-S022" "plugin-build-type" Setback "A plugin of a Debug build in a Release server, or the reverse";
    PLUGIN_ABI "MTR-S023" "plugin-abi" Setback "A plugin made for another version of the plugin interface";
    PLUGIN_MATURITY "MTR-S024" "plugin-maturity" Setback "A plugin less mature than `--plugin-maturity` allows";
    PLUGIN_INIT "MTR-S025" "plugin-init" Setback "A plugin whose initialisation failed";
    PLUGIN_BUILT_IN "MTR-S026" "plugin-built-in" Setback "A plugin that is built into the server was loaded by name";
    PLUGIN_NOT_IN_LIBRARY "MTR-S027" "plugin-not-in-library" Setback "The library or server has no plugin of this name";
    PLUGIN_NOT_A_PLUGIN "MTR-S028" "plugin-not-a-plugin" Setback "The library is no plugin, or of another machine";
    PLUGIN_LIBRARY "MTR-S029" "plugin-library" Setback "A library that a plugin needs is not there";
    // Network and paths.
    PORT_IN_USE "MTR-S030" "port-in-use" Refusal "The TCP port is in use";
    PORT_CLAIMED_TWICE "MTR-S031" "port-claimed-twice" Refusal "Two servers of the run claim the same port";
    BAD_ADDRESS "MTR-S032" "bad-address" Refusal "An address that cannot be bound";
    SOCKET_TOO_LONG "MTR-S033" "socket-path-too-long" Refusal "The path of the socket is too long";
    SOCKET_IN_USE "MTR-S034" "socket-in-use" Refusal "Another process listens on the socket";
    SOCKET_DIRECTORY "MTR-S035" "socket-directory" Refusal "The socket's directory is missing or not writable";
    PID_FILE_DIRECTORY "MTR-S036" "pid-file-directory" Refusal "The pid file cannot be written";
    PATH_MISSING "MTR-S037" "path-missing" Setback "A file or directory that an option names is not there";
    PATH_DENIED "MTR-S038" "path-denied" Setback "The server may not use a file or directory";
    // The data directory.
    DATADIR_MISSING "MTR-S040" "datadir-missing" Refusal "The data directory is not there";
    DATADIR_DENIED "MTR-S041" "datadir-denied" Refusal "The server may not write to its data directory";
    DATADIR_EMPTY "MTR-S042" "datadir-not-initialised" Refusal "The data directory has no system tables";
    DATADIR_LOCKED "MTR-S043" "datadir-locked" Refusal "Another server uses the data directory";
    DATADIR_NEWER "MTR-S044" "datadir-newer" Refusal "The data directory was made by another version";
    PAGE_SIZE "MTR-S045" "page-size" Refusal "InnoDB's files have another page size";
    REDO_LOG "MTR-S046" "redo-log" Refusal "InnoDB's redo log is missing or corrupt";
    UNDO_TABLESPACE "MTR-S047" "undo-tablespace" Refusal "InnoDB's undo tablespaces are missing or other than configured";
    ARIA_CONTROL "MTR-S048" "aria-control-file" Refusal "Aria's control file or log is corrupt";
    DATA_FILE_SIZE "MTR-S049" "data-file-size" Refusal "InnoDB's data file is other than configured";
    INNODB "MTR-S050" "innodb" Refusal "InnoDB refuses the files in the data directory";
    // Disk.
    TMPDIR_MISSING "MTR-S055" "tmpdir-missing" Refusal "The directory for temporary files is missing or not writable";
    TMPDIR_FULL "MTR-S056" "tmpdir-full" Refusal "No space for temporary files";
    DISK_FULL "MTR-S057" "disk-full" Refusal "No space left";
    INODES "MTR-S058" "inodes-used-up" Refusal "No inodes left";
    QUOTA "MTR-S059" "quota" Refusal "The disk quota or file size limit is exceeded";
    // Program and system.
    ROOT "MTR-S060" "runs-as-root" Refusal "The server refuses to run as root";
    UNKNOWN_USER "MTR-S061" "unknown-user" Refusal "`--user` names nobody";
    MESSAGE_FILE "MTR-S062" "message-file" Refusal "The file of the server's messages is missing or of another version";
    CHARSET_DIR "MTR-S063" "charset-directory" Refusal "The directory of character sets is missing";
    SHARED_LIBRARY "MTR-S064" "shared-library" Refusal "A shared library of the server is missing";
    WRONG_MACHINE "MTR-S065" "wrong-machine" Refusal "The program is for another machine";
    NOT_EXECUTABLE "MTR-S066" "not-executable" Refusal "The program may not be executed";
    NOT_A_PROGRAM "MTR-S067" "not-a-program" Refusal "The file is no program";
    OPEN_FILES_LIMIT "MTR-S068" "open-files-limit" Refusal "`open_files_limit` is above the hard limit";
    TOO_MANY_FILES "MTR-S069" "too-many-open-files" Refusal "Too many open files";
    CORE_LIMIT "MTR-S070" "core-limit" Setback "The limit of core files cannot be raised";
    BUFFER_POOL "MTR-S071" "buffer-pool" Refusal "Memory for a buffer cannot be allocated";
    ADDRESS_SPACE "MTR-S072" "address-space" Refusal "The limit of address space is too low";
    OUT_OF_MEMORY "MTR-S073" "out-of-memory" Death "The kernel killed the server for want of memory";
    AIO "MTR-S074" "aio" Refusal "The kernel refuses asynchronous input and output";
    MEMLOCK "MTR-S075" "memlock" Refusal "The limit of locked memory is too low";
    THREADS "MTR-S076" "threads" Refusal "The system makes no more threads";
    // Keys.
    TLS_FILE "MTR-S080" "tls-file" Refusal "A file of `--ssl-*` is missing or unreadable";
    TLS_MISMATCH "MTR-S081" "tls-mismatch" Refusal "Key and certificate do not belong together";
    KEY_FILE "MTR-S082" "encryption-key-file" Refusal "The file of encryption keys is missing or malformed";
    WRONG_KEY "MTR-S083" "encryption-wrong-key" Refusal "The encryption key is missing or wrong";
    TLS_SETTING "MTR-S084" "tls-setting" Refusal "A TLS setting that the library refuses";
    // Replication and clusters.
    WSREP_PROVIDER "MTR-S085" "wsrep-provider" Refusal "The Galera library cannot be loaded";
    WSREP_REFUSED "MTR-S086" "wsrep-refused" Refusal "Galera refuses to start";
    BINLOG_INDEX "MTR-S087" "binlog-index" Refusal "The binary log or its index cannot be opened";
    RELAY_LOG "MTR-S088" "relay-log" Setback "The relay log does not fit";
    SERVER_ID "MTR-S089" "server-id" Setback "Two servers have the same server id";
    // Deaths.
    CRASH "MTR-S090" "crash" Death "The server crashed";
    ASSERTION "MTR-S091" "assertion" Death "An assertion of the server failed";
    KILLED "MTR-S092" "killed" Death "The server was killed from outside";
    ASAN "MTR-S093" "address-sanitizer" Death "AddressSanitizer found an error";
    LSAN "MTR-S094" "leak-sanitizer" Death "LeakSanitizer found a leak";
    UBSAN "MTR-S095" "undefined-behaviour-sanitizer" Death "UndefinedBehaviorSanitizer found an error";
    MSAN "MTR-S096" "memory-sanitizer" Death "MemorySanitizer found a use of uninitialised memory";
    TSAN "MTR-S097" "thread-sanitizer" Death "ThreadSanitizer found a race";
    SANITIZER_ORDER "MTR-S098" "sanitizer-runtime-order" Refusal "The sanitizer's runtime does not come first";
    SANITIZER_ABSENT "MTR-S099" "sanitizer-absent" Setback "The environment asks for a sanitizer that the server does not have";
    // Neither dead nor alive.
    TIMEOUT "MTR-S100" "start-timeout" Refusal "The server did not get ready in time";
    RECOVERY "MTR-S101" "recovery" Refusal "The server was still recovering its data";
    EXIT_ZERO "MTR-S102" "exit-zero" Refusal "The server ended without an error";
    FIRST_ERROR "MTR-S103" "first-error" General "No rule knows the cause: the first error";
    SILENT "MTR-S104" "silent" General "No rule knows the cause: the log is silent";
    STATE_TRANSFER "MTR-S105" "state-transfer" Refusal "A state transfer of Galera failed";
    UNREACHABLE "MTR-S106" "unreachable" Refusal "The runner cannot reach the server, or what its checks need";
    // During and after a test.
    RUN_CRASH "MTR-R001" "crash-in-test" Death "The server crashed during a test";
    RUN_HANG "MTR-R002" "hang" Refusal "The test did not end in time";
    RUN_SHUTDOWN "MTR-R003" "shutdown-in-test" Refusal "The server shut down during a test";
    RUN_KILLED "MTR-R004" "killed-in-test" Death "The server was killed during a test";
    RUN_SANITIZER "MTR-R005" "sanitizer-in-test" Death "A sanitizer found an error during or after tests";
    RUN_VALGRIND "MTR-R006" "valgrind" Setback "Valgrind found an error during or after tests";
    RUN_WARNINGS "MTR-R007" "warnings" Setback "The error log has lines that nothing suppresses";
    RUN_MISSING_PLUGIN "MTR-R008" "plugin-missing-in-test" Setback "The result differs because a plugin is not there";
    RUN_RESTARTED "MTR-R009" "restarted-in-test" Setback "The result differs because the server was restarted";
    RUN_SCRIPT_ENDED "MTR-R010" "script-ended" Death "The script's program was ended by a signal";
    RUN_NO_PROGRAM "MTR-R011" "program-missing-in-test" Setback "The script runs a program that is not there";
    RUN_REPLICA "MTR-R012" "replica-stopped-in-test" Setback "A replica stopped that the script needs";
}

/// The cause with this code.
pub fn by_code(code: &str) -> Option<&'static Cause> {
    CAUSES.iter().find(|cause| cause.code == code).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_names_are_unique_and_in_order() {
        let codes: Vec<&str> = CAUSES.iter().map(|cause| cause.code).collect();
        for family in ["MTR-S", "MTR-R"] {
            let family: Vec<&&str> = codes.iter().filter(|code| code.starts_with(family)).collect();
            assert!(family.is_sorted() && family.windows(2).all(|pair| pair[0] != pair[1]));
        }
        for (i, cause) in CAUSES.iter().enumerate() {
            assert!(CAUSES[..i].iter().all(|other| other.name != cause.name), "{}", cause.name);
            assert_eq!(by_code(cause.code), Some(*cause));
        }
    }
}
