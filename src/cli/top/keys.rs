//! What keys and the mouse do.

use ratatui::crossterm::event::{
    KeyCode, KeyEvent, KeyEventKind, KeyModifiers, MouseButton, MouseEvent, MouseEventKind,
};

use super::model::{Model, Order, Section};
use super::prompt::{Answer, Prompt};
use super::silencing;

/// Whether it goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    Continue,
    Quit,
}

/// The keys, for the help.
pub(super) const KEYS: [(&str, &str); 15] = [
    ("Tab", "next section: patterns, files, lines, alerts"),
    ("p f l a", "patterns, files, lines, alerts"),
    ("↑ ↓ j k", "select a row"),
    ("PgUp PgDn Home End", "select a row further away"),
    ("Enter", "open the pattern, file or alert: its figures and its lines, live"),
    ("x", "silence the alert of what is selected or open; end a silence"),
    ("Esc", "close what is open, leave the filter"),
    ("/", "filter rows by what you type"),
    ("s", "sort: what says most, most lines, name"),
    ("h d w", "the chart shows the last hour, day, week"),
    ("← →", "previous, next host"),
    ("space", "pause, and go on"),
    ("?", "these keys"),
    ("q", "quit; so does Ctrl-C"),
    ("mouse", "click selects, a second click opens, the wheel scrolls"),
];

/// Does what a key says.
pub(super) fn press(model: &mut Model, key: KeyEvent) -> Next {
    if key.kind == KeyEventKind::Release {
        return Next::Continue;
    }
    if key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL) {
        return Next::Quit;
    }
    if let Some(prompt) = &mut model.prompt {
        match prompt.press(key.code) {
            Answer::Stays => {}
            Answer::Closes => model.prompt = None,
            Answer::Asks(request) => {
                (model.request, model.prompt) = (Some(request), Some(Prompt::Waiting));
            }
        }
        return Next::Continue;
    }
    if model.is_typing {
        type_filter(model, key.code);
        return Next::Continue;
    }
    if model.has_help {
        model.has_help = false;
        return if key.code == KeyCode::Char('q') { Next::Quit } else { Next::Continue };
    }
    let page = model.table.1.max(1);
    match key.code {
        KeyCode::Char('q') => return Next::Quit,
        KeyCode::Char('?') => model.has_help = true,
        KeyCode::Char('p') => turn_to(model, Section::Patterns),
        KeyCode::Char('f') => turn_to(model, Section::Files),
        KeyCode::Char('l') => turn_to(model, Section::Lines),
        KeyCode::Char('a') => turn_to(model, Section::Alerts),
        KeyCode::Tab => turn_to(model, model.section.next()),
        KeyCode::Char('h') => model.range = "1h",
        KeyCode::Char('d') => model.range = "24h",
        KeyCode::Char('w') => model.range = "7d",
        KeyCode::Char('/') => model.is_typing = true,
        KeyCode::Char(' ') => model.toggle_pause(),
        KeyCode::Char('s') => {
            model.order = match model.order {
                Order::Telling => Order::Rate,
                Order::Rate => Order::Name,
                Order::Name => Order::Telling,
            };
        }
        KeyCode::Char('x') => model.prompt = Some(silencing::prompt(model)),
        KeyCode::Enter => model.open(),
        KeyCode::Esc => close(model),
        KeyCode::Left => turn_host(model, model.hosts.len() - 1),
        KeyCode::Right => turn_host(model, 1),
        KeyCode::Up | KeyCode::Char('k') => model.selected = model.selected.saturating_sub(1),
        KeyCode::Down | KeyCode::Char('j') => model.selected += 1,
        KeyCode::PageUp => model.selected = model.selected.saturating_sub(page),
        KeyCode::PageDown => model.selected += page,
        KeyCode::Home => model.selected = 0,
        KeyCode::End => model.selected = usize::MAX / 2,
        _ => {}
    }
    Next::Continue
}

fn type_filter(model: &mut Model, key: KeyCode) {
    match key {
        KeyCode::Char(c) => model.filter.push(c),
        KeyCode::Backspace => {
            model.filter.pop();
        }
        KeyCode::Enter => model.is_typing = false,
        KeyCode::Esc => {
            model.is_typing = false;
            model.filter.clear();
        }
        _ => {}
    }
    (model.selected, model.top) = (0, 0);
}

fn turn_to(model: &mut Model, section: Section) {
    model.opened = None;
    if model.section != section {
        (model.section, model.selected, model.top) = (section, 0, 0);
    }
}

fn turn_host(model: &mut Model, by: usize) {
    model.shown = (model.shown + by) % model.hosts.len();
    (model.opened, model.selected, model.top) = (None, 0, 0);
}

fn close(model: &mut Model) {
    if model.opened.take().is_none() {
        model.filter.clear();
    }
}

/// Does what the mouse says.
pub(super) fn click(model: &mut Model, mouse: MouseEvent) {
    match mouse.kind {
        MouseEventKind::ScrollUp => model.selected = model.selected.saturating_sub(1),
        MouseEventKind::ScrollDown => model.selected += 1,
        MouseEventKind::Down(MouseButton::Left) => {
            let (first, rows) = model.table;
            let Some(row) = usize::from(mouse.row).checked_sub(first).filter(|row| *row < rows) else {
                return;
            };
            let row = row + model.top;
            if row == model.selected {
                model.open();
            } else if row < model.rows() {
                model.selected = row;
            }
        }
        _ => {}
    }
}
