//! The page at `/`: its files, which are compiled in. There is no build step, and nothing is asked of another site.

use super::pages::Asset;

const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const IMAGE: &str = "image/svg+xml";

/// The files of the page, by path.
pub static ASSETS: [Asset; 11] = [
    Asset::new("/", "text/html; charset=utf-8", include_bytes!("page/index.html")),
    Asset::new("/uplot.css", STYLE, include_bytes!("page/uplot.css")),
    Asset::new("/app.css", STYLE, include_bytes!("page/app.css")),
    Asset::new("/uplot.js", SCRIPT, include_bytes!("page/uplot.js")),
    Asset::new("/dom.js", SCRIPT, include_bytes!("page/dom.js")),
    Asset::new("/chart.js", SCRIPT, include_bytes!("page/chart.js")),
    Asset::new("/hero.js", SCRIPT, include_bytes!("page/hero.js")),
    Asset::new("/sections.js", SCRIPT, include_bytes!("page/sections.js")),
    Asset::new("/app.js", SCRIPT, include_bytes!("page/app.js")),
    Asset::new("/favicon.svg", IMAGE, include_bytes!("page/favicon.svg")),
    Asset::new("/favicon-firing.svg", IMAGE, include_bytes!("page/favicon-firing.svg")),
];

#[cfg(test)]
mod tests {
    use super::*;

    /// What may go over the wire, in bytes.
    const PACKED_BYTES_MAX: usize = 60_000;

    fn texts() -> impl Iterator<Item = (&'static str, &'static str)> {
        ASSETS.iter().map(|asset| (asset.path, std::str::from_utf8(asset.body).unwrap()))
    }

    #[test]
    fn the_page_is_small() {
        let packed: usize = ASSETS.iter().map(|asset| asset.packed().len()).sum();
        assert!(packed < PACKED_BYTES_MAX, "{packed}");
    }

    #[test]
    fn text_never_becomes_markup_and_nothing_comes_from_elsewhere() {
        let forbidden =
            ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "DOMParser"];
        for (path, text) in texts() {
            for word in forbidden {
                assert!(!text.contains(word), "{path}: {word}");
            }
            let urls = text.match_indices("://").map(|(at, _)| &text[at.saturating_sub(5)..at + 20]);
            let others: Vec<&str> = urls.filter(|url| !url.ends_with("://www.w3.org/2000/s")).collect();
            assert!(others.is_empty(), "{path}: {others:?}");
        }
    }

    #[test]
    fn the_document_holds_neither_scripts_nor_styles_and_names_files_that_are_there() {
        let document = texts().find(|(path, _)| *path == "/").unwrap().1;
        for word in ["style=", "<style", " onclick", "<script>"] {
            assert!(!document.contains(word), "{word}");
        }
        let named = ["src=\"", "href=\"/"].iter().flat_map(|attribute| document.split(attribute).skip(1));
        let paths: Vec<String> = named
            .filter_map(|rest| rest.split('"').next())
            .map(|path| format!("/{}", path.trim_start_matches('/')))
            .collect();
        assert!(paths.len() >= 9, "{paths:?}");
        for path in &paths {
            assert!(ASSETS.iter().any(|asset| asset.path == path), "{path}");
        }
    }
}
