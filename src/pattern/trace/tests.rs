use super::append;

fn check(record: &str, wanted: &str) {
    let (first, lines) = record.split_once('\n').unwrap();
    let mut text = Vec::new();
    append(first.as_bytes(), lines.as_bytes(), &mut text);
    assert_eq!(String::from_utf8(text).unwrap(), wanted, "{record}");
}

#[test]
fn java_by_its_cause_and_without_run_time() {
    check(
        "2026-11-22 10:00:00 ERROR [main] request failed\n\
         java.lang.RuntimeException: outer\n\
         \tat com.shop.Api.call(Api.java:12)\n\
         Caused by: java.lang.IllegalStateException: no stock\n\
         \tat java.base/java.util.Optional.orElseThrow(Optional.java:403)\n\
         \tat org.lib.Inner.run(Inner.java:1) ~[lib-1.2.jar:1.2]\n\
         \tat com.shop.Cart.total(Cart.java:99)\n\
         \tat com.shop.Api.call(Api.java:11)\n\
         \t... 17 more",
        " IllegalStateException Cart total",
    );
}

#[test]
fn the_package_of_the_logger_comes_first() {
    let trace =
        "\nx.y.FooException: x\n\tat org.web.Inner.run(Inner.java:1)\n\tat com.shop.Cart.total(Cart.java:9)";
    check(&format!("ERROR com.shop.web.Api - failed{trace}"), " FooException Cart total");
    check(&format!("ERROR c.s.web.Api - failed{trace}"), " FooException Cart total");
    check(&format!("ERROR failed{trace}"), " FooException Inner run");
}

#[test]
fn python_whose_innermost_frame_is_last() {
    check(
        "ERROR:root:failed\nTraceback (most recent call last):\n\
         \x20 File \"/srv/app/main.py\", line 3, in handle\n    total(x)\n\
         \x20 File \"/srv/app/cart.py\", line 12, in total\n    return d[k]\n\
         \x20 File \"/usr/lib/python3.11/json/decoder.py\", line 1, in decode\n    x\n\
         KeyError: 'a'\n\n\
         During handling of the above exception, another exception occurred:\n\n\
         Traceback (most recent call last):\n\
         \x20 File \"/srv/app/main.py\", line 5, in retry\n    x\n\
         \x20 File \"/srv/app/.venv/lib/site-packages/db.py\", line 1, in run\n    x\n\
         app.errors.ShopError: no",
        " ShopError main retry",
    );
}

#[test]
fn other_languages() {
    check(
        "panic: boom\n\ngoroutine 1 [running]:\nruntime.gopanic({0x1, 0x2})\n\t/usr/local/go/src/runtime/panic.go:884 +0x1\n\
         github.com/acme/shop/cart.(*Cart).Total(0xc0001)\n\t/src/shop/cart/cart.go:12 +0x1d\n\
         main.main()\n\t/src/shop/main.go:9 +0x2",
        " Cart Total",
    );
    check(
        "thread 'main' panicked at src/cart.rs:12:5:\nboom\nstack backtrace:\n   0: rust_begin_unwind\n             at /rustc/abc/library/std/src/panicking.rs:1:5\n   \
         1: core::panicking::panic_fmt::h0123456789abcdef\n   2: shop::cart::total::h0123456789abcdef\n             at ./src/cart.rs:12:5\n   \
         3: shop::main",
        " cart total",
    );
    check(
        "E, [2026-11-22T10:00:00 #1] ERROR -- : failed\nNoMethodError (undefined method `x'):\n\
         /usr/lib/ruby/gems/3.1.0/gems/rails-7.0.1/lib/a.rb:1:in `run'\n/srv/app/cart.rb:12:in `total'",
        " NoMethodError cart total",
    );
    check(
        "fail: Shop.Api[0]\n      failed\n      System.NullReferenceException: x\n         at System.Linq.Enumerable.First(Object s)\n         \
         at Shop.Cart.Total(Int32 n) in /src/Cart.cs:line 12",
        " NullReferenceException Cart Total",
    );
    check(
        "PHP Fatal error:  Uncaught x\nStack trace:\n#0 /srv/vendor/lib/a.php(1): Lib->run()\n#1 /srv/app/cart.php(12): Cart->total()\n#2 {main}",
        " Cart total",
    );
    check(
        "error: failed\nTypeError: x is not a function\n    at node:internal/main:1:2\n    at Cart.total (/srv/app/cart.js:12:3)\n    \
         at run (/srv/app/node_modules/lib/index.js:1:1)",
        " TypeError Cart total",
    );
}

#[test]
fn lines_of_container_runtimes() {
    check(
        "{\"log\":\"ERROR failed\\n\",\"stream\":\"stderr\"}\n\
         {\"log\":\"java.lang.FooException: x\\n\",\"stream\":\"stderr\"}\n\
         {\"log\":\"\\tat com.shop.Cart.total(Cart.java:9)\\n\",\"stream\":\"stderr\"}",
        " FooException Cart total",
    );
    check(
        "2026-11-22T10:00:00.000000000Z stderr F ERROR failed\n\
         2026-11-22T10:00:00.000000000Z stderr F java.lang.FooException: x\n\
         2026-11-22T10:00:00.000000000Z stderr F \tat com.shop.Cart.total(Cart.java:9)",
        " FooException Cart total",
    );
}

#[test]
fn without_a_trace_there_is_nothing() {
    check("=== report\nall well\nsee /srv/app/x.rb:12 and Error", "");
    check("ERROR x\nValueError: x", "");
    check("ERROR x\n\nat once (or never)", "");
}
