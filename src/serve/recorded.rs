//! The page as one file that holds its data. The file is opened from a disk, where no header guards it: its policy is in the document,
//! allows no script and no style but those of the page, by their hashes, and no request at all. Text of logs is hostile: it is JSON
//! in which nothing can end the element that holds it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::page::ASSETS;

/// The document, with `data` as what it shows. `data` is JSON.
#[must_use]
pub fn page(data: &str) -> String {
    let document = text("/");
    let (mut styles, mut scripts) = (String::new(), String::new());
    let (mut of_styles, mut of_scripts) = (String::new(), String::new());
    for asset in &ASSETS {
        let body = text(asset.path);
        if asset.path.ends_with(".css") {
            of_styles += &format!(" {}", hash(body));
            styles += &format!("<style>{body}</style>\n");
        } else if asset.path.ends_with(".js") {
            of_scripts += &format!(" {}", hash(body));
            scripts += &format!("<script>{body}</script>\n");
        }
    }
    let icon = STANDARD.encode(text("/favicon.svg"));
    let policy = format!(
        "default-src 'none'; script-src{of_scripts}; style-src{of_styles}; img-src data:; base-uri 'none'; form-action 'none'"
    );
    let head = format!(
        "<meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\">\n\
         <link rel=\"icon\" href=\"data:image/svg+xml;base64,{icon}\" id=\"icon\">\n{styles}</head>"
    );
    let data = format!("<script type=\"application/json\" id=\"data\">{}</script>\n", escaped(data));
    let mut page = String::with_capacity(document.len() + data.len() + head.len() + scripts.len());
    for line in document.lines().filter(|line| !names_a_file(line)) {
        match line {
            "</head>" => page += &head,
            "</body></html>" => page.extend([&data, &scripts, line]),
            line => page += line,
        }
        page.push('\n');
    }
    page
}

/// Whether the line of the document only names files that are in the page instead.
fn names_a_file(line: &str) -> bool {
    line.starts_with("<link rel=") || line.starts_with("<script defer src=")
}

fn text(path: &str) -> &'static str {
    let asset = ASSETS.iter().find(|asset| asset.path == path);
    asset.and_then(|asset| std::str::from_utf8(asset.body).ok()).unwrap_or_default()
}

/// What the policy calls a script or a style.
fn hash(body: &str) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, body.as_bytes());
    format!("'sha256-{}'", STANDARD.encode(digest.as_ref()))
}

/// JSON that cannot end the element that it stands in, nor begin a comment. These characters are in strings only.
fn escaped(json: &str) -> String {
    json.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_one_file_and_its_data_cannot_leave_their_element() {
        let hostile =
            serde_json::json!({ "x": "</script><script>alert(1)</script><!--&amp;\u{2028}" }).to_string();
        let page = page(&hostile);
        assert!(!page.contains("src=\"") && !page.contains("href=\"/"), "{}", &page[..2_000]);
        let scripts = ASSETS.iter().filter(|asset| asset.path.ends_with(".js")).count();
        assert_eq!(page.matches("<script>").count(), scripts);
        assert_eq!(page.matches("</script>").count(), scripts + 1);
        assert_eq!(page.matches("'sha256-").count(), scripts + 2);
        let data = page.split("id=\"data\">").nth(1).unwrap().split("</script>").next().unwrap();
        assert_eq!(serde_json::from_str::<serde_json::Value>(data).unwrap().to_string(), hostile);
        assert!(page.trim_end().ends_with("</body></html>"));
    }

    #[test]
    fn no_file_of_the_page_ends_the_element_that_it_is_put_into() {
        for asset in ASSETS.iter().filter(|asset| asset.path.ends_with(".js") || asset.path.ends_with(".css"))
        {
            let body = text(asset.path).to_lowercase();
            for end in ["</script", "</style", "<!--"] {
                assert!(!body.contains(end), "{}: {end}", asset.path);
            }
        }
    }
}
