//! Kerberos through the GSS-API, loaded when a server asks for it.
#![allow(unsafe_code, reason = "a C library, loaded at run time")]

use std::ffi::{c_int, c_void};
use std::ptr::{null, null_mut};

use libloading::Library;

/// Names of the library.
const LIBRARIES: [&str; 2] = ["libgssapi_krb5.so.2", "libgssapi_krb5.so"];
const COMPLETE: u32 = 0;
const CONTINUE_NEEDED: u32 = 1;
/// The upper half of a status tells errors.
const ERRORS: u32 = 0xffff_0000;
/// Kinds of status to put into words.
const GSS_CODE: c_int = 1;
const MECH_CODE: c_int = 2;
/// The object identifier of user names, 1.2.840.113554.1.2.1.1: a principal as it is.
const NT_USER_NAME: [u8; 10] = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 0x01, 0x02, 0x01, 0x01];

/// A buffer: its length and where it is.
#[repr(C)]
struct Buffer {
    length: usize,
    value: *mut c_void,
}

impl Buffer {
    const EMPTY: Buffer = Buffer { length: 0, value: null_mut() };

    /// A buffer that only reads `bytes`.
    fn of(bytes: &[u8]) -> Buffer {
        Buffer { length: bytes.len(), value: bytes.as_ptr().cast_mut().cast() }
    }

    fn to_vec(&self) -> Vec<u8> {
        if self.value.is_null() {
            return Vec::new();
        }
        // SAFETY: the library filled the buffer, which is as long as it says.
        unsafe { std::slice::from_raw_parts(self.value.cast::<u8>(), self.length) }.to_vec()
    }
}

/// An object identifier.
#[repr(C)]
struct Oid {
    length: u32,
    elements: *const c_void,
}

type ImportName = unsafe extern "C" fn(*mut u32, *const Buffer, *const Oid, *mut *mut c_void) -> u32;
type InitContext = unsafe extern "C" fn(
    *mut u32,
    *mut c_void,
    *mut *mut c_void,
    *mut c_void,
    *const Oid,
    u32,
    u32,
    *mut c_void,
    *const Buffer,
    *mut *const Oid,
    *mut Buffer,
    *mut u32,
    *mut u32,
) -> u32;
type DeleteContext = unsafe extern "C" fn(*mut u32, *mut *mut c_void, *mut Buffer) -> u32;
type ReleaseName = unsafe extern "C" fn(*mut u32, *mut *mut c_void) -> u32;
type ReleaseBuffer = unsafe extern "C" fn(*mut u32, *mut Buffer) -> u32;
type DisplayStatus = unsafe extern "C" fn(*mut u32, u32, c_int, *const Oid, *mut u32, *mut Buffer) -> u32;

/// A security context being set up with one server.
pub struct Context {
    init: InitContext,
    delete: DeleteContext,
    release_name: ReleaseName,
    release_buffer: ReleaseBuffer,
    display: DisplayStatus,
    context: *mut c_void,
    name: *mut c_void,
    _library: Library,
}

impl Context {
    /// A context with the server whose principal this is. The error is a text for people.
    ///
    /// # Errors
    /// There is no library, or it refuses the principal; a text for people.
    pub fn new(principal: &[u8]) -> Result<Context, Vec<u8>> {
        let mut problem = Vec::new();
        for library in LIBRARIES {
            // SAFETY: the library's initialisers may run at any time.
            match unsafe { Library::new(library) } {
                Ok(library) => return Context::with(library, principal),
                Err(error) => problem = error.to_string().into_bytes(),
            }
        }
        Err(problem)
    }

    fn with(library: Library, principal: &[u8]) -> Result<Context, Vec<u8>> {
        let words = |error: libloading::Error| error.to_string().into_bytes();
        // SAFETY: names and types are those of the library's header; the library outlives the pointers.
        let (mut context, import) = unsafe {
            let import: ImportName = *library.get(b"gss_import_name\0").map_err(words)?;
            let context = Context {
                init: *library.get(b"gss_init_sec_context\0").map_err(words)?,
                delete: *library.get(b"gss_delete_sec_context\0").map_err(words)?,
                release_name: *library.get(b"gss_release_name\0").map_err(words)?,
                release_buffer: *library.get(b"gss_release_buffer\0").map_err(words)?,
                display: *library.get(b"gss_display_status\0").map_err(words)?,
                context: null_mut(),
                name: null_mut(),
                _library: library,
            };
            (context, import)
        };
        let kind = Oid { length: NT_USER_NAME.len() as u32, elements: NT_USER_NAME.as_ptr().cast() };
        let mut minor = 0;
        // SAFETY: all arguments outlive the call.
        let major = unsafe { import(&mut minor, &Buffer::of(principal), &kind, &mut context.name) };
        if major & ERRORS != 0 {
            return Err(context.words(major, minor, "gss_import_name"));
        }
        Ok(context)
    }

    /// Takes the server's token, empty at first. Gives the token to send, and whether another one of the
    /// server's is needed.
    ///
    /// # Errors
    /// The library refuses the token; a text for people.
    pub fn step(&mut self, token: &[u8]) -> Result<(Vec<u8>, bool), Vec<u8>> {
        let mut minor = 0;
        let mut out = Buffer::EMPTY;
        let input = Buffer::of(token);
        // SAFETY: all arguments outlive the call; context and name are the library's own or null.
        let major = unsafe {
            (self.init)(
                &mut minor,
                null_mut(),
                &mut self.context,
                self.name,
                null(),
                0,
                0,
                null_mut(),
                &input,
                null_mut(),
                &mut out,
                null_mut(),
                null_mut(),
            )
        };
        let reply = out.to_vec();
        let mut ignored = 0;
        // SAFETY: the library filled the buffer.
        unsafe { (self.release_buffer)(&mut ignored, &mut out) };
        match major {
            COMPLETE => Ok((reply, false)),
            CONTINUE_NEEDED => Ok((reply, true)),
            _ => Err(self.words(major, minor, "gss_init_sec_context")),
        }
    }

    /// What went wrong in `function`, in the words of the server's plugin and the library.
    fn words(&self, major: u32, minor: u32, function: &str) -> Vec<u8> {
        let mut text =
            format!("Client GSSAPI error (major {major}, minor {minor}) : {function} failed -").into_bytes();
        for (code, kind) in [(major, GSS_CODE), (minor, MECH_CODE)] {
            let mut more = 0;
            // A library that never comes to an end is not believed.
            for _ in 0..8 {
                let (mut ignored, mut buffer) = (0, Buffer::EMPTY);
                // SAFETY: all arguments outlive the call.
                let major =
                    unsafe { (self.display)(&mut ignored, code, kind, null(), &mut more, &mut buffer) };
                if major & ERRORS != 0 {
                    break;
                }
                text.extend_from_slice(&buffer.to_vec());
                text.push(b' ');
                // SAFETY: the library filled the buffer.
                unsafe { (self.release_buffer)(&mut ignored, &mut buffer) };
                if more == 0 {
                    break;
                }
            }
        }
        text
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        let mut ignored = 0;
        // SAFETY: both are the library's own or null, and are not used again.
        unsafe {
            (self.delete)(&mut ignored, &mut self.context, null_mut());
            (self.release_name)(&mut ignored, &mut self.name);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn without_a_ticket_the_library_says_why() {
        // A machine may lack the library: then the error is the loader's.
        let text = match Context::new(b"mysql/localhost@EXAMPLE.COM") {
            Ok(mut context) => context.step(b"").unwrap_err(),
            Err(text) => text,
        };
        assert!(!text.is_empty());
    }
}
