//! Values that live as long as the process, behind pointers that are swapped.

/// Returns what a pointer from `Box::into_raw` points to, which is never freed once others may have seen it.
pub(crate) fn leaked<T>(pointer: *mut T) -> Option<&'static T> {
    // SAFETY: the callers store pointers from `Box::into_raw` only and free none that was ever published.
    unsafe { pointer.as_ref() }
}

/// Frees a box that nobody else has seen.
pub(crate) fn free<T>(pointer: *mut T) {
    // SAFETY: the pointer is from `Box::into_raw` and was not published.
    drop(unsafe { Box::from_raw(pointer) });
}
