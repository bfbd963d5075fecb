//! OpenSSL, loaded when the first TLS connection is asked for: linking it would cost every start of the
//! program most of its time. Versions 1.1 and 3 serve.
#![allow(unsafe_code, reason = "a C library, loaded at run time")]

use std::ffi::{CStr, CString, c_char, c_int, c_long, c_uint, c_ulong, c_void};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::ptr::{NonNull, null, null_mut};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use bstr::ByteSlice;
use libloading::Library;

/// Names of the library, the newest first.
const LIBRARIES: [&str; 3] = ["libssl.so.3", "libssl.so.1.1", "libssl.so"];

const FILETYPE_PEM: c_int = 1;
const VERIFY_NONE: c_int = 0;
const VERIFY_PEER: c_int = 1;
const VERIFIED: c_long = 0;
/// Certificate revocation lists: check the server's certificate and those above it.
const CRL_CHECK_ALL: c_ulong = 0x4 | 0x8;
const ERROR_SSL: c_int = 1;
const ERROR_WANT_READ: c_int = 2;
const ERROR_WANT_WRITE: c_int = 3;
const ERROR_ZERO_RETURN: c_int = 6;
const KEY_RSA: c_int = 6;
const CTRL_RSA_PADDING: c_int = 0x1001;
const PADDING_OAEP: c_int = 4;
/// Protocol versions, and the option that forbids each.
const VERSIONS: [(&[u8], c_ulong); 4] = [
    (b"TLSv1.0", 0x0400_0000),
    (b"TLSv1.1", 0x1000_0000),
    (b"TLSv1.2", 0x0800_0000),
    (b"TLSv1.3", 0x2000_0000),
];

/// What TLS is asked for; files are PEM, and names of files are bytes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Settings {
    /// The client's private key; absent: in the certificate's file.
    pub key: Option<bstr::BString>,
    /// The client's certificate; absent: in the key's file.
    pub cert: Option<bstr::BString>,
    /// Certificates of trusted authorities.
    pub ca: Option<bstr::BString>,
    /// A directory of such.
    pub capath: Option<bstr::BString>,
    /// OpenSSL's cipher list; names of TLS 1.3 suites may be among them.
    pub cipher: Option<bstr::BString>,
    /// A certificate revocation list.
    pub crl: Option<bstr::BString>,
    /// A directory of such.
    pub crlpath: Option<bstr::BString>,
    /// Versions to allow, separated by commas: `TLSv1.2,TLSv1.3`; none known: all.
    pub version: Option<bstr::BString>,
    /// Whether the server's certificate must be valid and bear the host's name.
    pub verify: bool,
}

/// Why TLS failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// The time limit of the socket passed.
    TimedOut,
    /// OpenSSL's reason or the system's words.
    Reason(Vec<u8>),
}

/// Objects of OpenSSL, of which only pointers are known here.
type Opaque = c_void;

macro_rules! functions {
    ($($name:ident($($argument:ty),*) $(-> $result:ty)?;)*) => {
        /// The functions that are used.
        #[allow(non_snake_case, reason = "the names are OpenSSL's")]
        struct Api {
            $($name: unsafe extern "C" fn($($argument),*) $(-> $result)?,)*
            peer_certificate: unsafe extern "C" fn(*mut Opaque) -> *mut Opaque,
            _library: Library,
        }

        impl Api {
            fn find(library: Library) -> Result<Api, libloading::Error> {
                // SAFETY: names and types are those of OpenSSL's headers; the pointers do not outlive
                // the library, which is never unloaded.
                unsafe {
                    Ok(Api {
                        $($name: *library.get(concat!(stringify!($name), "\0").as_bytes())?,)*
                        peer_certificate: *library
                            .get(b"SSL_get1_peer_certificate\0")
                            .or_else(|_| library.get(b"SSL_get_peer_certificate\0"))?,
                        _library: library,
                    })
                }
            }
        }
    };
}

functions! {
    TLS_client_method() -> *const Opaque;
    SSL_CTX_new(*const Opaque) -> *mut Opaque;
    SSL_CTX_free(*mut Opaque);
    SSL_CTX_set_options(*mut Opaque, c_ulong) -> c_ulong;
    SSL_CTX_set_cipher_list(*mut Opaque, *const c_char) -> c_int;
    SSL_CTX_set_ciphersuites(*mut Opaque, *const c_char) -> c_int;
    SSL_CTX_load_verify_locations(*mut Opaque, *const c_char, *const c_char) -> c_int;
    SSL_CTX_set_default_verify_paths(*mut Opaque) -> c_int;
    SSL_CTX_get_cert_store(*const Opaque) -> *mut Opaque;
    SSL_CTX_use_certificate_chain_file(*mut Opaque, *const c_char) -> c_int;
    SSL_CTX_use_PrivateKey_file(*mut Opaque, *const c_char, c_int) -> c_int;
    SSL_CTX_check_private_key(*const Opaque) -> c_int;
    SSL_CTX_set_verify(*mut Opaque, c_int, *const c_void);
    SSL_new(*mut Opaque) -> *mut Opaque;
    SSL_free(*mut Opaque);
    SSL_set_fd(*mut Opaque, c_int) -> c_int;
    SSL_connect(*mut Opaque) -> c_int;
    SSL_read(*mut Opaque, *mut c_void, c_int) -> c_int;
    SSL_write(*mut Opaque, *const c_void, c_int) -> c_int;
    SSL_pending(*const Opaque) -> c_int;
    SSL_get_error(*const Opaque, c_int) -> c_int;
    SSL_get_verify_result(*const Opaque) -> c_long;
    X509_verify_cert_error_string(c_long) -> *const c_char;
    X509_STORE_load_locations(*mut Opaque, *const c_char, *const c_char) -> c_int;
    X509_STORE_set_flags(*mut Opaque, c_ulong) -> c_int;
    X509_check_host(*mut Opaque, *const c_char, usize, c_uint, *mut *mut c_char) -> c_int;
    X509_check_ip_asc(*mut Opaque, *const c_char, c_uint) -> c_int;
    X509_free(*mut Opaque);
    ERR_get_error() -> c_ulong;
    ERR_clear_error();
    ERR_reason_error_string(c_ulong) -> *const c_char;
    BIO_new_mem_buf(*const c_void, c_int) -> *mut Opaque;
    BIO_free(*mut Opaque) -> c_int;
    PEM_read_bio_PUBKEY(*mut Opaque, *mut *mut Opaque, *const c_void, *mut c_void) -> *mut Opaque;
    EVP_PKEY_free(*mut Opaque);
    EVP_PKEY_CTX_new(*mut Opaque, *mut Opaque) -> *mut Opaque;
    EVP_PKEY_CTX_free(*mut Opaque);
    EVP_PKEY_CTX_ctrl(*mut Opaque, c_int, c_int, c_int, c_int, *mut c_void) -> c_int;
    EVP_PKEY_encrypt_init(*mut Opaque) -> c_int;
    EVP_PKEY_encrypt(*mut Opaque, *mut u8, *mut usize, *const u8, usize) -> c_int;
}

/// The library, loaded at the first call.
fn api() -> Result<&'static Api, Failure> {
    static API: OnceLock<Result<Api, String>> = OnceLock::new();
    let loaded = API.get_or_init(|| {
        let mut problem = String::new();
        for name in LIBRARIES {
            // SAFETY: OpenSSL's initialisers may run at any time.
            match unsafe { Library::new(name) }.and_then(Api::find) {
                Ok(api) => return Ok(api),
                Err(error) => problem = error.to_string(),
            }
        }
        Err(problem)
    });
    loaded.as_ref().map_err(|problem| Failure::Reason(problem.clone().into_bytes()))
}

impl Api {
    /// The reason of the oldest error that is queued, else the system's last error; empties the queue.
    fn reason(&self, errno: c_int) -> Failure {
        // SAFETY: plain calls; the text is static.
        let text = unsafe {
            let error = (self.ERR_get_error)();
            let text = (self.ERR_reason_error_string)(error);
            if text.is_null() { None } else { Some(CStr::from_ptr(text).to_bytes().to_vec()) }
        };
        // SAFETY: a plain call.
        unsafe { (self.ERR_clear_error)() };
        Failure::Reason(text.unwrap_or_else(|| system_error(errno)))
    }

    /// Turns OpenSSL's "1 is success" into a result.
    fn done(&self, result: c_int) -> Result<(), Failure> {
        if result == 1 { Ok(()) } else { Err(self.reason(last_errno())) }
    }
}

fn last_errno() -> c_int {
    std::io::Error::last_os_error().raw_os_error().unwrap_or(0)
}

/// `Connection reset by peer (104)`.
fn system_error(errno: c_int) -> Vec<u8> {
    let text = std::io::Error::from_raw_os_error(errno).to_string();
    let words = text.split(" (os error").next().unwrap_or_default();
    format!("{words} ({errno})").into_bytes()
}

fn c_string(bytes: &[u8]) -> CString {
    // A path with a NUL cannot exist; what stands before it will not be found either.
    let end = bytes.find_byte(0).unwrap_or(bytes.len());
    CString::new(&bytes[..end]).unwrap_or_default()
}

fn pointer(text: &Option<CString>) -> *const c_char {
    text.as_ref().map_or(null(), |text| text.as_ptr())
}

/// A context, freed when dropped.
struct Context {
    api: &'static Api,
    raw: NonNull<Opaque>,
}

impl Drop for Context {
    fn drop(&mut self) {
        // SAFETY: the context is ours, sessions made of it hold their own reference.
        unsafe { (self.api.SSL_CTX_free)(self.raw.as_ptr()) };
    }
}

// SAFETY: after `new` nobody changes a context; OpenSSL counts its references atomically and lets any thread make sessions
// of it.
unsafe impl Send for Context {}
// SAFETY: as above.
unsafe impl Sync for Context {}

/// What a context was made of.
#[derive(Debug, PartialEq, Eq)]
struct MadeOf {
    settings: Settings,
    /// Of each file that the settings name, what changes with its content: device, inode, size, seconds and nanoseconds of
    /// its last change.
    files: Vec<(u64, u64, u64, i64, i64)>,
}

impl MadeOf {
    /// `None` where nobody sees a change: directories of certificates, files that cannot be looked at.
    fn new(settings: &Settings) -> Option<MadeOf> {
        if settings.capath.is_some() || settings.crlpath.is_some() {
            return None;
        }
        let names = [&settings.key, &settings.cert, &settings.ca, &settings.crl];
        let files = names.into_iter().flatten().map(|name| {
            let of = std::fs::metadata(Path::new(std::ffi::OsStr::from_bytes(name))).ok()?;
            of.is_file().then(|| (of.dev(), of.ino(), of.size(), of.ctime(), of.ctime_nsec()))
        });
        Some(MadeOf { files: files.collect::<Option<_>>()?, settings: settings.clone() })
    }
}

impl Context {
    /// The context with these settings: the one used last, if it is of the same settings and files.
    fn of(settings: &Settings) -> Result<Arc<Context>, Failure> {
        static LAST: Mutex<Option<(MadeOf, Arc<Context>)>> = Mutex::new(None);
        let Some(made_of) = MadeOf::new(settings) else { return Context::new(settings).map(Arc::new) };
        let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, context)) = last.as_ref().filter(|(of_last, _)| *of_last == made_of) {
            return Ok(Arc::clone(context));
        }
        let context = Arc::new(Context::new(settings)?);
        *last = Some((made_of, Arc::clone(&context)));
        Ok(context)
    }

    /// A context with these settings.
    fn new(settings: &Settings) -> Result<Context, Failure> {
        let api = api()?;
        // SAFETY: plain calls.
        let raw = unsafe {
            (api.ERR_clear_error)();
            (api.SSL_CTX_new)((api.TLS_client_method)())
        };
        let raw = NonNull::new(raw).ok_or_else(|| api.reason(0))?;
        let context = Context { api, raw };
        context.set_versions(settings);
        context.set_ciphers(settings)?;
        context.set_authorities(settings)?;
        context.set_certificate(settings)?;
        let verify = settings.verify || settings.ca.is_some() || settings.capath.is_some();
        // SAFETY: the context is valid; no callback is given.
        unsafe {
            (api.SSL_CTX_set_verify)(context.ptr(), if verify { VERIFY_PEER } else { VERIFY_NONE }, null());
        }
        Ok(context)
    }

    fn ptr(&self) -> *mut Opaque {
        self.raw.as_ptr()
    }

    fn set_versions(&self, settings: &Settings) {
        let Some(wanted) = &settings.version else { return };
        let forbidden = VERSIONS.iter().filter(|(name, _)| wanted.find(name).is_none());
        let options = forbidden.fold(0, |all, (_, option)| all | option);
        if VERSIONS.iter().any(|(name, _)| wanted.find(name).is_some()) {
            // SAFETY: the context is valid.
            unsafe { (self.api.SSL_CTX_set_options)(self.ptr(), options) };
        }
    }

    fn set_ciphers(&self, settings: &Settings) -> Result<(), Failure> {
        let Some(list) = &settings.cipher else { return Ok(()) };
        let names = list.split(|byte| b" ,;:".contains(byte)).filter(|name| !name.is_empty());
        let (suites, ciphers): (Vec<&[u8]>, Vec<&[u8]>) = names.partition(|name| name.starts_with(b"TLS_"));
        if !ciphers.is_empty() {
            let list = c_string(&ciphers.join(&b':'));
            // SAFETY: the context is valid, the text ends in NUL.
            self.api.done(unsafe { (self.api.SSL_CTX_set_cipher_list)(self.ptr(), list.as_ptr()) })?;
        }
        if !suites.is_empty() {
            let list = c_string(&suites.join(&b':'));
            // SAFETY: as above.
            self.api.done(unsafe { (self.api.SSL_CTX_set_ciphersuites)(self.ptr(), list.as_ptr()) })?;
        }
        Ok(())
    }

    fn set_authorities(&self, settings: &Settings) -> Result<(), Failure> {
        let api = self.api;
        let file = settings.ca.as_ref().map(|name| c_string(name));
        let directory = settings.capath.as_ref().map(|name| c_string(name));
        // SAFETY: the context is valid, absent texts are null pointers.
        unsafe {
            if file.is_some() || directory.is_some() {
                let (file, directory) = (pointer(&file), pointer(&directory));
                api.done((api.SSL_CTX_load_verify_locations)(self.ptr(), file, directory))?;
            } else if settings.verify {
                // They are over a hundred, and read for nothing where nobody verifies.
                api.done((api.SSL_CTX_set_default_verify_paths)(self.ptr()))?;
            }
        }
        let file = settings.crl.as_ref().map(|name| c_string(name));
        let directory = settings.crlpath.as_ref().map(|name| c_string(name));
        if file.is_some() || directory.is_some() {
            // SAFETY: the store belongs to the context.
            unsafe {
                let store = (api.SSL_CTX_get_cert_store)(self.ptr());
                api.done((api.X509_STORE_load_locations)(store, pointer(&file), pointer(&directory)))?;
                api.done((api.X509_STORE_set_flags)(store, CRL_CHECK_ALL))?;
            }
        }
        Ok(())
    }

    fn set_certificate(&self, settings: &Settings) -> Result<(), Failure> {
        let Some(cert) = settings.cert.as_ref().or(settings.key.as_ref()) else { return Ok(()) };
        let key = settings.key.as_ref().unwrap_or(cert);
        let (cert, key) = (c_string(cert), c_string(key));
        let api = self.api;
        // SAFETY: the context is valid, the texts end in NUL.
        unsafe {
            api.done((api.SSL_CTX_use_certificate_chain_file)(self.ptr(), cert.as_ptr()))?;
            api.done((api.SSL_CTX_use_PrivateKey_file)(self.ptr(), key.as_ptr(), FILETYPE_PEM))?;
            api.done((api.SSL_CTX_check_private_key)(self.ptr()))
        }
    }
}

/// A TLS session over a socket that somebody else owns and keeps open.
pub struct Session {
    api: &'static Api,
    raw: NonNull<Opaque>,
}

// SAFETY: a session is used by one thread at a time, which `&mut` sees to.
unsafe impl Send for Session {}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").finish_non_exhaustive()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // SAFETY: the session is ours.
        unsafe { (self.api.SSL_free)(self.raw.as_ptr()) };
    }
}

impl Session {
    /// Shakes hands over `socket`, which must be in blocking mode and outlive the session.
    /// `host` is the name that the server's certificate must bear if `settings` ask for that.
    ///
    /// # Errors
    /// The settings are refused, the handshake fails, or the certificate is not the one asked for.
    pub fn connect(settings: &Settings, socket: BorrowedFd<'_>, host: &[u8]) -> Result<Session, Failure> {
        let context = Context::of(settings)?;
        let api = context.api;
        // SAFETY: the context is valid.
        let raw = unsafe { (api.SSL_new)(context.ptr()) };
        let raw = NonNull::new(raw).ok_or_else(|| api.reason(0))?;
        let session = Session { api, raw };
        // SAFETY: the session is valid, the descriptor open.
        unsafe {
            api.done((api.SSL_set_fd)(raw.as_ptr(), socket.as_raw_fd()))?;
            (api.ERR_clear_error)();
        }
        // SAFETY: the session is valid.
        let result = unsafe { (api.SSL_connect)(raw.as_ptr()) };
        if result != 1 {
            let errno = last_errno();
            // SAFETY: the session is valid.
            let verdict = unsafe { (api.SSL_get_verify_result)(raw.as_ptr()) };
            if verdict != VERIFIED && session.verifies(settings) {
                // SAFETY: the text is static.
                let text = unsafe { CStr::from_ptr((api.X509_verify_cert_error_string)(verdict)) };
                return Err(Failure::Reason(text.to_bytes().to_vec()));
            }
            return Err(session.failure(result, errno));
        }
        if settings.verify && !session.certificate_names(host) {
            return Err(Failure::Reason(b"Validation of SSL server certificate failed".to_vec()));
        }
        Ok(session)
    }

    fn verifies(&self, settings: &Settings) -> bool {
        settings.verify || settings.ca.is_some() || settings.capath.is_some()
    }

    /// Whether the server's certificate is for `host`, a name or an address.
    fn certificate_names(&self, host: &[u8]) -> bool {
        let api = self.api;
        let host = c_string(host);
        // SAFETY: the certificate is a reference of our own, freed below; the text ends in NUL.
        unsafe {
            let certificate = (api.peer_certificate)(self.raw.as_ptr());
            if certificate.is_null() {
                return false;
            }
            let named = (api.X509_check_host)(certificate, host.as_ptr(), 0, 0, null_mut()) == 1
                || (api.X509_check_ip_asc)(certificate, host.as_ptr(), 0) == 1;
            (api.X509_free)(certificate);
            named
        }
    }

    /// What a result other than success means.
    fn failure(&self, result: c_int, errno: c_int) -> Failure {
        // SAFETY: the session is valid.
        match unsafe { (self.api.SSL_get_error)(self.raw.as_ptr(), result) } {
            ERROR_WANT_READ | ERROR_WANT_WRITE => Failure::TimedOut,
            ERROR_SSL => self.api.reason(errno),
            _ => {
                // SAFETY: a plain call.
                unsafe { (self.api.ERR_clear_error)() };
                Failure::Reason(system_error(errno))
            }
        }
    }

    /// Reads at least one byte; 0 is the end.
    ///
    /// # Errors
    /// The connection is lost, or the time limit of the socket is over.
    pub fn read(&mut self, into: &mut [u8]) -> Result<usize, Failure> {
        let length = c_int::try_from(into.len()).unwrap_or(c_int::MAX);
        // SAFETY: the session is valid, the buffer as long as told.
        let result = unsafe { (self.api.SSL_read)(self.raw.as_ptr(), into.as_mut_ptr().cast(), length) };
        if let Ok(count @ 1..) = usize::try_from(result) {
            return Ok(count);
        }
        let errno = last_errno();
        // SAFETY: the session is valid.
        if unsafe { (self.api.SSL_get_error)(self.raw.as_ptr(), result) } == ERROR_ZERO_RETURN {
            return Ok(0);
        }
        Err(self.failure(result, errno))
    }

    /// Writes at least one byte of `bytes`, which are not empty.
    ///
    /// # Errors
    /// The connection is lost, or the time limit of the socket is over.
    pub fn write(&mut self, bytes: &[u8]) -> Result<usize, Failure> {
        let length = c_int::try_from(bytes.len()).unwrap_or(c_int::MAX);
        // SAFETY: the session is valid, the buffer as long as told.
        let result = unsafe { (self.api.SSL_write)(self.raw.as_ptr(), bytes.as_ptr().cast(), length) };
        match usize::try_from(result) {
            Ok(count @ 1..) => Ok(count),
            _ => Err(self.failure(result, last_errno())),
        }
    }

    /// Whether bytes have been received that [`Session::read`] has not given yet.
    pub fn has_pending(&self) -> bool {
        // SAFETY: the session is valid.
        unsafe { (self.api.SSL_pending)(self.raw.as_ptr()) > 0 }
    }
}

/// Loads what `settings` name, as a connection would.
///
/// # Errors
/// Why the library does not take it.
pub fn check(settings: &Settings) -> Result<(), Failure> {
    Context::new(settings).map(drop)
}

/// Encrypts `plain` under an RSA public key in PEM, with OAEP padding. The error is OpenSSL's reason.
///
/// # Errors
/// OpenSSL's reason.
pub fn encrypt(key: &[u8], plain: &[u8]) -> Result<Vec<u8>, Vec<u8>> {
    encrypt_with(key, plain).map_err(|failure| match failure {
        Failure::Reason(reason) => reason,
        Failure::TimedOut => Vec::new(),
    })
}

fn encrypt_with(key: &[u8], plain: &[u8]) -> Result<Vec<u8>, Failure> {
    let api = api()?;
    let length = c_int::try_from(key.len()).unwrap_or(0);
    // SAFETY: every object is checked before use and freed once; the buffers are as long as told.
    unsafe {
        (api.ERR_clear_error)();
        let bio = (api.BIO_new_mem_buf)(key.as_ptr().cast(), length);
        if bio.is_null() {
            return Err(api.reason(0));
        }
        let key = (api.PEM_read_bio_PUBKEY)(bio, null_mut(), null(), null_mut());
        (api.BIO_free)(bio);
        if key.is_null() {
            return Err(api.reason(0));
        }
        let context = (api.EVP_PKEY_CTX_new)(key, null_mut());
        (api.EVP_PKEY_free)(key);
        if context.is_null() {
            return Err(api.reason(0));
        }
        let encrypt = || {
            api.done((api.EVP_PKEY_encrypt_init)(context))?;
            let padding = PADDING_OAEP;
            api.done((api.EVP_PKEY_CTX_ctrl)(context, KEY_RSA, -1, CTRL_RSA_PADDING, padding, null_mut()))?;
            let mut size = 0;
            api.done((api.EVP_PKEY_encrypt)(context, null_mut(), &mut size, plain.as_ptr(), plain.len()))?;
            let mut out = vec![0; size];
            let done =
                (api.EVP_PKEY_encrypt)(context, out.as_mut_ptr(), &mut size, plain.as_ptr(), plain.len());
            api.done(done)?;
            out.truncate(size);
            Ok(out)
        };
        let result = encrypt();
        (api.EVP_PKEY_CTX_free)(context);
        result
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::os::fd::AsFd;
    use std::os::unix::net::UnixStream;

    #[test]
    fn the_systems_words() {
        assert_eq!(system_error(104), b"Connection reset by peer (104)");
        assert_eq!(system_error(2), b"No such file or directory (2)");
    }

    /// The tests below need the library, which a machine may lack.
    fn reason(settings: &Settings) -> Option<String> {
        api().ok()?;
        let (client, server) = UnixStream::pair().unwrap();
        drop(server);
        match Session::connect(settings, client.as_fd(), b"localhost") {
            Err(Failure::Reason(reason)) => Some(String::from_utf8(reason).unwrap()),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn reasons_are_openssls_own() {
        let missing = Settings { ca: Some("/no/such/file".into()), ..Settings::default() };
        assert!(reason(&missing).is_none_or(|text| text == "No such file or directory (2)"));
        let cipher = Settings { cipher: Some("foo".into()), ..Settings::default() };
        assert!(reason(&cipher).is_none_or(|text| text == "no cipher match"));
    }

    #[test]
    fn a_file_that_changed_makes_a_new_context() {
        let dir = tempfile::tempdir().unwrap();
        let ca = dir.path().join("ca.pem");
        let settings = Settings { ca: Some(ca.as_os_str().as_encoded_bytes().into()), ..Settings::default() };
        assert_eq!(MadeOf::new(&settings), None, "a file that is not there");
        std::fs::write(&ca, "one").unwrap();
        let made_of = MadeOf::new(&settings).unwrap();
        assert_eq!(MadeOf::new(&settings).as_ref(), Some(&made_of));
        std::fs::write(dir.path().join("other"), "two").unwrap();
        std::fs::rename(dir.path().join("other"), &ca).unwrap();
        assert_ne!(MadeOf::new(&settings).unwrap(), made_of, "another file of that name");
        assert_ne!(MadeOf::new(&Settings { verify: true, ..settings.clone() }).unwrap(), made_of);
        assert_eq!(MadeOf::new(&Settings { capath: Some("/".into()), ..settings }), None, "a directory");
    }

    #[test]
    fn a_context_is_used_again() {
        if api().is_err() {
            return;
        }
        let settings = Settings { version: Some("TLSv1.2".into()), ..Settings::default() };
        let context = Context::of(&settings).unwrap();
        assert!(Arc::ptr_eq(&context, &Context::of(&settings).unwrap()));
        let other = Context::of(&Settings { version: Some("TLSv1.3".into()), ..settings }).unwrap();
        assert!(!Arc::ptr_eq(&context, &other));
    }

    #[test]
    fn a_key_that_is_none() {
        assert!(encrypt(b"no key", b"secret").is_err());
    }
}
