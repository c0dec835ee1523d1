//! What is called when alerts fired or resolved, so that those who look on need not ask again and again.

/// See the [module](self).
#[derive(Default)]
pub(super) struct AlertHook(Option<Box<dyn Fn() + Send + Sync>>);

impl AlertHook {
    /// Calls `hook` from now on; it must not wait for anything.
    pub(super) fn set(&mut self, hook: Box<dyn Fn() + Send + Sync>) {
        self.0 = Some(hook);
    }

    pub(super) fn call(&self) {
        if let Some(hook) = &self.0 {
            hook();
        }
    }
}
