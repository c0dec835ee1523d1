//! `spiketail top`: what fires, which errors there are and how files stand, in a terminal, as it changes.
//!
//! It holds the snapshot of each daemon and applies the changes that the daemon sends; nothing is computed here that the page would
//! compute too. Each frame is made of lines of exactly the width of the terminal.

mod alert_rows;
mod alerts;
mod bars;
mod chart;
mod chrome;
mod feed;
mod keys;
mod model;
mod now;
mod numbers;
mod opened;
mod prompt;
mod silencing;
mod tables;
mod text;
mod view;
mod wide;

use std::io::{self, IsTerminal};
use std::process::ExitCode;
use std::sync::mpsc::channel;
use std::time::Duration;

use ratatui::crossterm::event::{self, DisableMouseCapture, EnableMouseCapture, Event};
use ratatui::crossterm::execute;
use ratatui::widgets::Paragraph;

use crate::cli::exit::EXIT_USAGE;
use crate::cli::socket::SocketArgs;
use crate::cli::terminal::print_error;
use feed::{Address, Feed};
use model::Model;
use text::Look;

/// So long keys are awaited before changes are looked for.
const KEYS_WAIT: Duration = Duration::from_millis(100);

/// What `spiketail top` takes.
#[derive(Debug, clap::Args)]
pub struct TopArgs {
    /// Daemons on other machines: HOST:PORT as in their `[http] listen` [default: the daemon of this machine, at its socket]
    #[arg(value_name = "HOST:PORT")]
    hosts: Vec<String>,
    #[command(flatten)]
    socket: SocketArgs,
}

/// Runs the command. Returns the exit status of the process.
#[must_use]
pub fn run(args: &TopArgs) -> ExitCode {
    let addresses: Result<Vec<Address>, String> = if args.hosts.is_empty() {
        Address::of_socket(args.socket.socket.as_deref()).map(|address| vec![address])
    } else {
        args.hosts.iter().map(|host| Address::of_host(host)).collect()
    };
    watch(addresses)
}

/// The same for the daemon of this machine.
#[must_use]
pub fn of_socket(socket: &SocketArgs) -> ExitCode {
    watch(Address::of_socket(socket.socket.as_deref()).map(|address| vec![address]))
}

fn watch(addresses: Result<Vec<Address>, String>) -> ExitCode {
    let outcome = addresses.and_then(|addresses| {
        if !io::stdout().is_terminal() || !io::stdin().is_terminal() {
            return Err("top needs a terminal; in a pipe, use `spiketail status`".to_owned());
        }
        show(&addresses).map_err(|error| format!("cannot use this terminal: {error}"))
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            print_error(error);
            ExitCode::from(EXIT_USAGE)
        }
    }
}

/// Puts the terminal back as it was, also if this thread panics.
struct Screen;

impl Drop for Screen {
    fn drop(&mut self) {
        let _ = execute!(io::stdout(), DisableMouseCapture);
        ratatui::restore();
    }
}

fn show(addresses: &[Address]) -> io::Result<()> {
    let (sender, changes) = channel();
    let mut model = Model::new(addresses.iter().map(|address| address.name()).collect());
    let mut ends = Vec::new();
    for (host, address) in addresses.iter().enumerate() {
        let (end, ended) = channel();
        ends.push(end);
        Feed::start(host, address.clone(), sender.clone(), ended);
    }
    let look = Look::of_environment(|name| std::env::var(name).ok());
    let mut terminal = ratatui::try_init()?;
    let _screen = Screen;
    execute!(io::stdout(), EnableMouseCapture)?;
    let mut is_due = true;
    loop {
        while let Ok((host, message)) = changes.try_recv() {
            model.take(host, message);
            is_due = true;
        }
        if is_due {
            terminal.draw(|frame| {
                let area = frame.area();
                let lines = view::frame(&mut model, look, usize::from(area.width), usize::from(area.height));
                frame.render_widget(Paragraph::new(lines), area);
            })?;
        }
        is_due = event::poll(KEYS_WAIT)?;
        if !is_due {
            is_due = model.is_time_due();
            continue;
        }
        match event::read()? {
            Event::Key(key) if keys::press(&mut model, key) == keys::Next::Quit => return Ok(()),
            Event::Mouse(mouse) => keys::click(&mut model, mouse),
            _ => {}
        }
        if let Some(request) = model.request.take() {
            addresses[model.shown].request(request, model.shown, sender.clone());
        }
        if let Some((host, question)) = model.take_question()
            && let Ok(series) = addresses[host].ask(&question)
        {
            model.series = serde_json::from_str(&series).ok();
        }
    }
}
