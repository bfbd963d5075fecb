//! `echo` and the commands that change how output looks (spec §6.3, §6.4, §6.9).

use std::io::Write;
use std::rc::Rc;

use bstr::{BString, ByteSlice};

use crate::interp::file_commands::tell;
use crate::interp::state::properties::Property;
use crate::interp::state::stop::{Done, Stop};
use crate::interp::state::{Interp, Stored};
use crate::script::classify::Format;
use crate::script::common::charset::Charset;

/// `echo TEXT`: the expanded text and a line end, not filtered.
pub(super) fn echo(interp: &mut Interp, stored: &Rc<Stored>) -> Done {
    let text = stored.text.borrow();
    let line = interp.expand(&text[stored.arguments..])?;
    interp.say(&line);
    Ok(())
}

/// `character_set NAME`.
pub(super) fn character_set(interp: &mut Interp, stored: &Rc<Stored>) -> Done {
    let name = interp.word(stored);
    if name.is_empty() {
        return Err(Stop::die("Missing charset name in 'character_set'"));
    }
    let Some(charset) = Charset::named(&name) else {
        let folder = interp.options.character_sets_dir.as_ref();
        let folder = folder.map_or("/usr/share/mysql/charsets".into(), |dir| dir.to_str_lossy());
        tell(&BString::from(format!(
            "Character set '{name}' is not a compiled character set and is not specified in the \
             '{}/Index.xml' file",
            folder.trim_end_matches('/')
        )));
        let what = format!("Test requires charset '{name}'");
        return Err(Stop::Skip(what.into()));
    };
    interp.charset = charset;
    interp.filters.set_charset(charset);
    Ok(())
}

/// `result_format N`.
pub(super) fn result_format(interp: &mut Interp, stored: &Rc<Stored>) -> Done {
    let text = interp.argument(stored)?;
    let number = std::str::from_utf8(&text).ok().and_then(|text| text.parse::<i64>().ok());
    let Some(number) = number else {
        return Err(Stop::Die(format!("Invalid version number: '{text}'").into()));
    };
    if !(1..=2).contains(&number) {
        return Err(Stop::Die(format!("Version format {number} has not yet been implemented").into()));
    }
    interp.result_format = if number == 2 { Format::Two } else { Format::One };
    // Writing to a vector cannot fail.
    let _ = writeln!(interp.out, "result_format: {number}");
    Ok(())
}

/// `vertical_results`, `horizontal_results`.
pub(super) fn vertical(interp: &mut Interp, on: bool) -> Done {
    interp.vertical = on;
    Ok(())
}

/// `enable_column_names`, `disable_column_names`: the variable shows the opposite (spec §4.7).
pub(super) fn column_names(interp: &mut Interp, on: bool) -> Done {
    interp.column_names = on;
    interp.variables.set_number(b"ENABLED_COLUMN_NAMES", i64::from(!on));
    Ok(())
}

/// `enable_prepare_warnings`, `disable_prepare_warnings`.
pub(super) fn prepare_warnings(interp: &mut Interp, on: bool) -> Done {
    interp.prepare_warnings = on;
    Ok(())
}

/// `enable_X [ONCE]`, `disable_X [ONCE]` (spec §6.4, §8).
pub(super) fn property(interp: &mut Interp, stored: &Rc<Stored>, property: Property, enable: bool) -> Done {
    let once = stored.text.borrow()[stored.arguments..].as_bytes() == b"ONCE";
    interp.consumed = if once { usize::MAX } else { stored.arguments };
    let options = &interp.options;
    let (ps, cursor, view) =
        (options.ps_protocol || options.cursor_protocol, options.cursor_protocol, options.view_protocol);
    let wanted = match property {
        Property::Ps | Property::Ps2 => ps,
        Property::View | Property::ServiceConnection => view,
        Property::Cursor => cursor,
        _ => true,
    };
    interp.set_property(property, enable && wanted, once);
    match (property, enable) {
        (Property::Ps, false) => interp.pool.close_statements(),
        (Property::View | Property::ServiceConnection, false) => interp.pool.close_service_connection(),
        (Property::Cursor, false) => {
            if cursor {
                interp.set_property(Property::Ps, false, once);
            }
            interp.pool.close_statements();
        }
        (Property::Cursor, true) => interp.set_property(Property::Ps, ps, once),
        _ => {}
    }
    Ok(())
}
