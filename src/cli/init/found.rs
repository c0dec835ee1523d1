//! Which programs' logs are on this machine.

use std::path::{Path, PathBuf};

use globset::GlobBuilder;
use walkdir::WalkDir;

/// Where a service writes.
#[derive(Debug, Clone, Copy)]
pub(super) enum Logs {
    /// Into the systemd journal.
    Journal,
    /// Into files that match these globs.
    Files(&'static [&'static str]),
}

/// A service whose logs are known.
#[derive(Debug)]
pub(super) struct Service {
    /// Name of the watch.
    pub(super) name: &'static str,
    /// What people call it.
    pub(super) title: &'static str,
    pub(super) logs: Logs,
    /// How its stack traces are joined.
    pub(super) multiline: Option<&'static str>,
}

impl Service {
    const fn new(name: &'static str, title: &'static str, globs: &'static [&'static str]) -> Service {
        Service { name, title, logs: Logs::Files(globs), multiline: None }
    }

    const fn java(name: &'static str, title: &'static str, globs: &'static [&'static str]) -> Service {
        Service { name, title, logs: Logs::Files(globs), multiline: Some("java") }
    }
}

/// A service that was found, and by what.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) service: &'static Service,
    pub(super) why: String,
}

static JOURNAL: Service =
    Service { name: "journal", title: "The systemd journal", logs: Logs::Journal, multiline: None };

/// What a syslog daemon writes, which a journal holds as well.
static SYSTEM: Service = Service::new(
    "system",
    "The system",
    &["/var/log/syslog", "/var/log/messages", "/var/log/auth.log", "/var/log/kern.log", "/var/log/secure"],
);

static SERVICES: &[Service] = &[
    Service::new("nginx", "nginx", &["/var/log/nginx/*error*.log"]),
    Service::new("apache", "Apache", &["/var/log/apache2/*error*.log", "/var/log/httpd/*error_log"]),
    Service::new("haproxy", "HAProxy", &["/var/log/haproxy.log"]),
    Service::new("caddy", "Caddy", &["/var/log/caddy/*.log"]),
    Service::new(
        "postgresql",
        "PostgreSQL",
        &["/var/log/postgresql/*.log", "/var/lib/pgsql/data/log/*.log", "/var/lib/pgsql/*/data/log/*.log"],
    ),
    Service::new(
        "mysql",
        "MySQL or MariaDB",
        &["/var/log/mysql/*error*.log", "/var/log/mysqld.log", "/var/log/mariadb/*.log"],
    ),
    Service::new("mongodb", "MongoDB", &["/var/log/mongodb/*.log"]),
    Service::new("redis", "Redis", &["/var/log/redis/*.log"]),
    Service::new("rabbitmq", "RabbitMQ", &["/var/log/rabbitmq/*.log"]),
    Service::new("php", "PHP-FPM", &["/var/log/php*fpm*.log", "/var/log/php-fpm/*.log"]),
    Service::new("exim", "Exim", &["/var/log/exim4/*log", "/var/log/exim/*.log"]),
    Service::java("tomcat", "Tomcat", &["/var/log/tomcat*/catalina*", "/opt/tomcat/logs/catalina*"]),
    Service::java("elasticsearch", "Elasticsearch", &["/var/log/elasticsearch/*.log"]),
    Service::java("opensearch", "OpenSearch", &["/var/log/opensearch/*.log"]),
    Service::java("kafka", "Kafka", &["/var/log/kafka/server.log", "/opt/kafka/logs/server.log"]),
    Service::java("cassandra", "Cassandra", &["/var/log/cassandra/system.log"]),
    Service::java("jenkins", "Jenkins", &["/var/log/jenkins/jenkins.log"]),
    Service::new("gitlab", "GitLab", &["/var/log/gitlab/*/*.log"]),
    Service::new("containers", "Containers of Kubernetes", &["/var/log/containers/*.log"]),
    Service::new("docker", "Containers of Docker", &["/var/lib/docker/containers/*/*-json.log"]),
];

/// What is found below `root`.
pub(super) fn all(root: &Path) -> Vec<Found> {
    let journal = ["var/log/journal", "run/log/journal"].map(|folder| root.join(folder));
    let journal = journal.iter().find(|folder| has_journal(folder));
    let system = match journal {
        Some(folder) => {
            let why = format!(
                "{} is there, and holds what a syslog daemon would write into files",
                shown(root, folder)
            );
            Some(Found { service: &JOURNAL, why })
        }
        None => found(root, &SYSTEM),
    };
    system.into_iter().chain(SERVICES.iter().filter_map(|service| found(root, service))).collect()
}

fn found(root: &Path, service: &'static Service) -> Option<Found> {
    let Logs::Files(globs) = service.logs else { return None };
    let file = globs.iter().find_map(|glob| first_match(root, glob))?;
    Some(Found { service, why: format!("{} is there", shown(root, &file)) })
}

/// `path` as it is called below `root`.
fn shown(root: &Path, path: &Path) -> String {
    format!("/{}", path.strip_prefix(root).unwrap_or(path).display())
}

/// Journals lie in a directory with the id of their machine.
fn has_journal(folder: &Path) -> bool {
    let journals = WalkDir::new(folder).min_depth(2).max_depth(2).into_iter().filter_map(Result::ok);
    journals.into_iter().any(|entry| entry.path().extension().is_some_and(|end| end == "journal"))
}

/// The first file that matches `glob`, by name.
fn first_match(root: &Path, glob: &str) -> Option<PathBuf> {
    let parts: Vec<&str> = glob.split('/').filter(|part| !part.is_empty()).collect();
    let fixed = parts.iter().take_while(|part| !part.contains('*')).count().min(parts.len() - 1);
    let base = parts[..fixed].iter().fold(root.to_owned(), |base, part| base.join(part));
    let matcher =
        GlobBuilder::new(&parts[fixed..].join("/")).literal_separator(true).build().ok()?.compile_matcher();
    let depth = parts.len() - fixed;
    let files = WalkDir::new(&base).min_depth(depth).max_depth(depth).follow_links(true).sort_by_file_name();
    let mut files = files.into_iter().filter_map(Result::ok).filter(|entry| entry.file_type().is_file());
    files
        .find(|entry| entry.path().strip_prefix(&base).is_ok_and(|path| matcher.is_match(path)))
        .map(walkdir::DirEntry::into_path)
}
