//! Wall-clock time as people and reports want it.

use time::OffsetDateTime;
use time::macros::format_description;

/// Local time as `YYYY-MM-DD HH:MM:SS`; UTC where the local offset cannot be known.
pub fn local_now() -> String {
    let now = OffsetDateTime::now_local().unwrap_or_else(|_| OffsetDateTime::now_utc());
    now.format(format_description!("[year]-[month]-[day] [hour]:[minute]:[second]")).unwrap_or_default()
}
