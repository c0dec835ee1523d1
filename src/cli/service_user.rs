//! The user that the service runs as, and work done with what that user may do.
//!
//! Credentials belong to threads, so a thread can give up those of root for good while the process goes on.

use std::path::Path;
use std::process::Command;
use std::thread;

use rustix::process::{Gid, Uid};
use rustix::thread::{set_thread_gid, set_thread_groups, set_thread_uid};

/// The name of the unit.
const UNIT: &str = "spiketail.service";
/// One of the ids that systemd gives to dynamic users (61184 to 65519). Nothing belongs to it.
const DYNAMIC_ID: u32 = 65_519;
/// With one of these a service reads what root may read.
const READS_ALL: [&str; 2] = ["cap_dac_read_search", "cap_dac_override"];
/// Where users have their files, which `ProtectHome=` hides.
const HOMES: [&str; 3] = ["/home", "/root", "/run/user"];
/// What `PrivateTmp=` replaces.
const TEMPORARY: [&str; 2] = ["/tmp", "/var/tmp"];

/// See the [module](self).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct ServiceUser {
    /// For people: `the user of spiketail.service (dynamic, in the group adm)`.
    pub(super) name: String,
    /// What to become, unless the service reads all that root reads.
    ids: Option<(u32, u32, Vec<u32>)>,
    /// Whether the unit hides these places from it.
    hides_homes: bool,
    hides_temporary: bool,
}

impl ServiceUser {
    /// The user of the installed unit. `None` where there is none, or if this process could not become that user.
    pub(super) fn of_unit() -> Option<ServiceUser> {
        if !rustix::process::geteuid().is_root() {
            return None;
        }
        let asked =
            "LoadState,User,DynamicUser,SupplementaryGroups,AmbientCapabilities,ProtectHome,PrivateTmp";
        let output = Command::new("systemctl").args(["show", UNIT, "--property", asked]).output().ok()?;
        let shown = String::from_utf8_lossy(&output.stdout).into_owned();
        ServiceUser::of_properties(&shown, &database)
    }

    /// A user of this machine.
    pub(super) fn named(name: &str) -> Result<ServiceUser, String> {
        if !rustix::process::geteuid().is_root() {
            return Err("--user needs root, who can become that user; run it with sudo".to_owned());
        }
        let (uid, gid) =
            ids_of(name, &database).ok_or_else(|| format!("--user {name}: there is no such user"))?;
        let groups = groups_of(name);
        Ok(ServiceUser {
            name: format!("the user {name}"),
            ids: Some((uid, gid, groups)),
            ..ServiceUser::default()
        })
    }

    /// What `systemctl show` says. `database` is that of users (`passwd`) and groups (`group`).
    fn of_properties(shown: &str, database: &Database) -> Option<ServiceUser> {
        let property = |name: &str| {
            let line = shown.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
            line.unwrap_or_default()
        };
        if property("LoadState") != "loaded" {
            return None;
        }
        let is_dynamic = property("DynamicUser") == "yes";
        let user = property("User");
        if user.is_empty() && !is_dynamic || user == "root" {
            return None;
        }
        // A dynamic user gives way to one of this machine that has its name.
        let own_name = if user.is_empty() { UNIT.trim_end_matches(".service") } else { user };
        let known = ids_of(own_name, database);
        let (uid, gid) = known.or(is_dynamic.then_some((DYNAMIC_ID, DYNAMIC_ID)))?;
        let mut groups = if known.is_some() { groups_of(own_name) } else { Vec::new() };
        let named: Vec<&str> = property("SupplementaryGroups").split_whitespace().collect();
        groups.extend(named.iter().filter_map(|name| {
            name.parse().ok().or_else(|| database("group", name)?.split(':').nth(2)?.parse::<u32>().ok())
        }));
        let capabilities = property("AmbientCapabilities").to_lowercase();
        let reads_all = capabilities.split_whitespace().any(|capability| READS_ALL.contains(&capability));
        let kind = if known.is_some() { own_name } else { "dynamic" };
        let member = match named.as_slice() {
            [] => String::new(),
            [one] => format!(", in the group {one}"),
            several => format!(", in the groups {}", several.join(" and ")),
        };
        Some(ServiceUser {
            name: format!("the user of {UNIT} ({kind}{member})"),
            ids: (!reads_all).then_some((uid, gid, groups)),
            hides_homes: !["", "no"].contains(&property("ProtectHome")),
            hides_temporary: !["", "no"].contains(&property("PrivateTmp")),
        })
    }

    /// Does `work` as this user.
    pub(super) fn does<T: Send>(&self, work: impl FnOnce() -> T + Send) -> Result<T, String> {
        let Some((uid, gid, groups)) = &self.ids else { return Ok(work()) };
        let become_user = || -> rustix::io::Result<()> {
            let groups: Vec<Gid> = groups.iter().map(|group| Gid::from_raw(*group)).collect();
            set_thread_groups(&groups)?;
            set_thread_gid(Gid::from_raw(*gid))?;
            set_thread_uid(Uid::from_raw(*uid))
        };
        let done = thread::scope(|scope| {
            scope.spawn(|| become_user().map(|()| work())).join().map_err(|_| rustix::io::Errno::IO)
        });
        done.and_then(|done| done).map_err(|error| format!("cannot become {}: {error}", self.name))
    }

    /// Why the unit does not show `path` to the service, and how to mend it, if it does not.
    pub(super) fn hides(&self, path: &Path) -> Option<&'static str> {
        let is_below = |places: &[&str]| places.iter().any(|place| path.starts_with(place));
        if self.hides_homes && is_below(&HOMES) {
            Some(
                "`ProtectHome=` of the unit hides it; set ProtectHome=read-only with `systemctl edit spiketail`",
            )
        } else if self.hides_temporary && is_below(&TEMPORARY) {
            Some("`PrivateTmp=` of the unit hides it; set PrivateTmp=no with `systemctl edit spiketail`")
        } else {
            None
        }
    }
}

/// A line of a database of the system by its name, and a key in it.
type Database = dyn Fn(&str, &str) -> Option<String>;

fn database(name: &str, key: &str) -> Option<String> {
    let output = Command::new("getent").args([name, key]).output().ok()?;
    let line = String::from_utf8_lossy(&output.stdout).trim_end().to_owned();
    (output.status.success() && !line.is_empty()).then_some(line)
}

fn ids_of(user: &str, database: &Database) -> Option<(u32, u32)> {
    let line = database("passwd", user)?;
    let mut fields = line.split(':').skip(2);
    Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
}

fn groups_of(user: &str) -> Vec<u32> {
    let output = Command::new("id").args(["-G", user]).output();
    let shown = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    shown.split_whitespace().filter_map(|group| group.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(properties: &str) -> Option<ServiceUser> {
        let database = |name: &str, key: &str| match (name, key) {
            ("group", "adm") => Some("adm:x:4:".to_owned()),
            ("group", "systemd-journal") => Some("systemd-journal:x:101:".to_owned()),
            ("passwd", "logs") => Some("logs:x:998:997::/:/bin/sh".to_owned()),
            _ => None,
        };
        ServiceUser::of_properties(properties, &database)
    }

    #[test]
    fn the_user_is_that_of_the_unit_with_its_groups() {
        let user = of(
            "LoadState=loaded\nUser=\nDynamicUser=yes\nSupplementaryGroups=adm systemd-journal\nAmbientCapabilities=\nProtectHome=yes\nPrivateTmp=no\n",
        );
        let user = user.unwrap();
        assert_eq!(
            user.name,
            "the user of spiketail.service (dynamic, in the groups adm and systemd-journal)"
        );
        assert_eq!(user.ids, Some((DYNAMIC_ID, DYNAMIC_ID, vec![4, 101])));
        assert!(user.hides(Path::new("/home/x/y.log")).is_some_and(|why| why.contains("ProtectHome")));
        assert_eq!((user.hides(Path::new("/tmp/x")), user.hides(Path::new("/homes/x"))), (None, None));
        let user = of("LoadState=loaded\nUser=logs\nDynamicUser=no\nSupplementaryGroups=4\nPrivateTmp=yes\n");
        let user = user.unwrap();
        assert_eq!(
            user.ids.map(|(uid, gid, groups)| (uid, gid, groups.contains(&4))),
            Some((998, 997, true))
        );
        let reader =
            of("LoadState=loaded\nDynamicUser=yes\nAmbientCapabilities=cap_dac_read_search cap_chown\n");
        assert_eq!(reader.unwrap().ids, None);
        for other in [
            "LoadState=not-found\nDynamicUser=yes",
            "LoadState=loaded\nUser=root",
            "LoadState=loaded\nUser=nobody-knows",
            "",
        ] {
            assert_eq!(of(other), None, "{other}");
        }
    }
}
