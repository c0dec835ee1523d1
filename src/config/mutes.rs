//! The tables `[mute.NAME]`.

use jiff::civil::{Time, Weekday};
use jiff::tz::TimeZone;

use super::alerts::AlertTable;
use super::error::{ErrorReport, quoted};
use super::schema::Kind;
use super::table::Table;
use super::values::hint;
use crate::notify::silence::MuteSpec;
use crate::scan::timestamp;

const DAYS: [(&str, Weekday); 7] = [
    ("mon", Weekday::Monday),
    ("tue", Weekday::Tuesday),
    ("wed", Weekday::Wednesday),
    ("thu", Weekday::Thursday),
    ("fri", Weekday::Friday),
    ("sat", Weekday::Saturday),
    ("sun", Weekday::Sunday),
];

/// Reads every mute, which names some of `alerts`.
pub(super) fn read(
    tables: &[Table<'_>],
    alerts: &[AlertTable<'_>],
    report: &mut ErrorReport<'_>,
) -> Vec<MuteSpec> {
    let tables = tables.iter().filter(|table| table.kind() == Kind::Mute);
    tables.filter_map(|table| read_mute(table, alerts, report)).collect()
}

fn read_mute(table: &Table<'_>, alerts: &[AlertTable<'_>], report: &mut ErrorReport<'_>) -> Option<MuteSpec> {
    let names = table.filled_list(report, "alerts", "leave the key out for all alerts").unwrap_or_default();
    let known = || alerts.iter().map(|alert| alert.spec.name.as_str());
    for name in names.iter().filter(|name| known().all(|known| known != *name.get_ref())) {
        let (label, shown, hint) = (table.label(), quoted(name.get_ref()), hint(name.get_ref(), known()));
        report.refuse(name.span(), format!("{label} names an alert that does not exist: {shown}{hint}"));
    }
    let days = match table.filled_list(report, "days", "leave the key out for every day") {
        Some(names) => names.iter().filter_map(|name| table.choose(report, "days", name, &DAYS)).collect(),
        None => DAYS.map(|(_, day)| day).to_vec(),
    };
    let (from, to) = (time(table, "from", report), time(table, "to", report));
    let zone = table.text(report, "zone").map_or("local", |text| text.get_ref());
    let zone = match timestamp::zone(zone) {
        Ok(zone) => zone,
        Err(error) => {
            table.refuse(report, "zone", &format!("is {}: {error}", quoted(zone)));
            TimeZone::UTC
        }
    };
    let alerts = names.iter().map(|name| (*name.get_ref()).to_owned()).collect();
    Some(MuteSpec { name: table.name().to_owned(), alerts, days, from: from?, to: to?, zone })
}

fn time(table: &Table<'_>, key: &str, report: &mut ErrorReport<'_>) -> Option<Time> {
    let right = "write a time of the day, such as \"22:00\"";
    let Some(text) = table.text(report, key) else {
        if !table.has(key) {
            report.refuse(table.span(), format!("{} lacks `{key}`; {right}", table.label()));
        }
        return None;
    };
    let text = text.get_ref();
    // Midnight at the end of a day is that of the next one.
    let parsed = if *text == "24:00" { Some(Time::midnight()) } else { Time::strptime("%H:%M", text).ok() };
    if parsed.is_none() {
        table.refuse(report, key, &format!("is {}; {right}", quoted(text)));
    }
    parsed
}
