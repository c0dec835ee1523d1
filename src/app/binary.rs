//! Binary files in the directories that a command line names: what is left out is said once.

use crate::event::{HealthEvent, HealthKind};
use crate::watch::exclusions::Exclusions;
use crate::watch::spec::WatchSpec;
use crate::watch::survey::survey;

/// So many names are in the report.
const NAMED_MAX: usize = 8;

/// Reports the binary files that recursive watches leave out, in one event.
pub(super) fn report(specs: &[WatchSpec]) {
    let recursive: Vec<WatchSpec> = specs.iter().filter(|spec| spec.is_recursive).cloned().collect();
    let (Ok(found), false) = (survey(&recursive), recursive.is_empty()) else { return };
    let mut names = Vec::new();
    for (spec, findings) in recursive.iter().zip(found.watches) {
        let Ok(exclusions) = Exclusions::new(spec) else { continue };
        let binary =
            findings.left_out.into_iter().map(|(path, _)| path).filter(|path| exclusions.is_binary(path));
        names.extend(binary.filter_map(|path| Some(path.file_name()?.to_string_lossy().into_owned())));
    }
    if names.is_empty() {
        return;
    }
    let count = names.len();
    let shown = names.iter().take(NAMED_MAX).cloned().collect::<Vec<_>>().join(", ");
    let more = if count > NAMED_MAX { ", …" } else { "" };
    let files = if count == 1 { "binary file is" } else { "binary files are" };
    let reason =
        format!("{count} {files} left out of the directories: {shown}{more}; name one to have it read");
    HealthEvent::info(HealthKind::LeftOut, reason).counting(count as u64).emit();
}
