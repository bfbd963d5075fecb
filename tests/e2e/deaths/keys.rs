//! By keys: of TLS, and of encrypted data.

use super::Death;
use crate::support::std_data;

fn tls(options: &str) -> Death {
    Death::by_options(&options.replace("STD", std_data().to_str().unwrap()))
}

#[test]
fn a_certificate_that_is_not_there() {
    let died = tls("--ssl-cert=/nosuch.pem\n").dies();
    died.page("MTR-S080")
        .cause("MTR-S080", "the file /nosuch.pem does not exist: --ssl-cert=/nosuch.pem (")
        .evidence("SSL error: Unable to get certificate from '/nosuch.pem'")
        .evidence("Failed to setup SSL")
        .fix("correct the path");
}

#[test]
fn a_key_that_is_no_key() {
    let died = tls("--ssl-cert=STD/server-cert.pem\n--ssl-key=/etc/passwd\n").dies();
    died.cause("MTR-S080", "the file /etc/passwd has no private key in it: --ssl-key=/etc/passwd (")
        .cause("MTR-S080", "dead.opt:2")
        .evidence("Unable to get private key");
}

#[test]
fn an_authority_that_is_not_there() {
    let died = tls("--ssl-ca=/nosuch.pem\n").dies();
    died.cause("MTR-S080", "the file /nosuch.pem does not exist: --ssl-ca=/nosuch.pem (")
        .evidence("SSL_CTX_set_default_verify_paths failed");
}

#[test]
fn a_key_of_another_certificate() {
    let died = tls("--ssl-cert=STD/server-cert.pem\n--ssl-key=STD/client-key.pem\n").dies();
    died.page("MTR-S081")
        .cause("MTR-S081", "key and certificate do not belong together: --ssl-key=")
        .cause("MTR-S081", "dead.opt:2")
        .evidence("Unable to get private key")
        .evidence("the TLS library says of the two: key values mismatch");
}

#[test]
fn a_cipher_that_does_not_exist() {
    let died = tls("--ssl-cipher=NOSUCH\n").dies();
    died.page("MTR-S084")
        .cause("MTR-S084", "the TLS library does not take the cipher list: --ssl-cipher=NOSUCH (")
        .evidence("Failed to set ciphers to use")
        .fix("openssl ciphers");
}

const PLUGIN: &str = "--plugin-load-add=file_key_management\n";

#[test]
fn a_file_of_keys_that_is_not_there() {
    let died = Death::by_options(PLUGIN)
        .with("--file-key-management=FORCE\n--file-key-management-filename=/nosuch")
        .dies();
    died.page("MTR-S082")
        .cause("MTR-S082", "the plugin 'file_key_management' cannot use its keys: ")
        .cause("MTR-S082", "--file-key-management-filename=/nosuch (")
        .evidence("File '/nosuch' not found")
        .fix("correct the path");
}

#[test]
fn no_file_of_keys() {
    let died = Death::by_options(PLUGIN).with("--encrypt-tmp-files").dies();
    died.cause("MTR-S082", "has no file of encryption keys")
        .evidence("file-key-management-filename is not set")
        .evidence("Failed to enable encryption of temporary files")
        .fix("--file-key-management-filename=FILE");
}

#[test]
fn a_file_of_keys_with_a_syntax_error() {
    let died = Death::by_options(PLUGIN)
        .with("--file-key-management-filename=$MYSQLTEST_VARDIR/keys\n--encrypt-binlog\n--log-bin")
        .prepared_by("echo 'no keys at all' > $MYSQLTEST_VARDIR/keys\n")
        .dies();
    died.cause("MTR-S082", "Syntax error at ").evidence("line 1, column 1").fix("ID;KEY");
}

#[test]
fn a_file_of_keys_without_the_key_of_the_system() {
    let died = Death::by_options(PLUGIN)
        .with("--file-key-management-filename=$MYSQLTEST_VARDIR/keys\n--encrypt-binlog\n--log-bin")
        .prepared_by("echo '2;00112233445566778899aabbccddeeff' > $MYSQLTEST_VARDIR/keys\n")
        .dies();
    died.cause("MTR-S082", "System key id 1 is missing").fix("add a line for key 1");
}

/// Makes the redo log of the data directory an encrypted one, with key 1 of `keys`; `others` has another key 1.
const ENCRYPTS: &str = "\
cd $MYSQLTEST_VARDIR
echo '1;00112233445566778899aabbccddeeff' > keys
echo '1;ffeeddccbbaa99887766554433221100' > others
echo 'create database q;' | /usr/sbin/mariadbd --no-defaults --bootstrap --user=root --innodb=FORCE \\
  --lc-messages-dir=/usr/share/mysql --datadir=$MYSQLTEST_VARDIR/mysqld.1/data --innodb-encrypt-log \\
  --plugin-load-add=file_key_management --file-key-management-filename=$MYSQLTEST_VARDIR/keys
";

#[test]
fn encrypted_data_and_no_keys() {
    let died = Death::by_options("--innodb=FORCE\n").prepared_by(ENCRYPTS).dies();
    died.page("MTR-S083")
        .cause("MTR-S083", "the data is encrypted and no plugin gives its keys")
        .evidence("Obtaining redo log encryption key version 1 failed")
        .fix("--plugin-load-add=file_key_management");
}

#[test]
fn encrypted_data_and_another_key() {
    let died = Death::by_options(PLUGIN)
        .with("--innodb=FORCE\n--file-key-management-filename=$MYSQLTEST_VARDIR/others")
        .prepared_by(ENCRYPTS)
        .dies();
    died.cause(
        "MTR-S083",
        "cannot read its encrypted redo log with the key that it was given: --file-key-management-filename=",
    )
    .evidence("the redo log says of itself that it is encrypted");
}
