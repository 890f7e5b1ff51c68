//! The methods of [`Calls`](super::Calls) on the pools themselves: one line per pool.

/// Gives a pool the methods of [`Calls`](super::Calls), so that typed use needs no import.
macro_rules! typed_methods {
    ($pool:ty) => {
        /// Functions on the pool; see [`task!`](crate::task).
        impl $pool {
            /// See [`Calls::submit`](crate::typed::Calls::submit).
            ///
            /// # Errors
            ///
            /// Why the pool refused it.
            pub fn submit<R>(
                &self,
                call: crate::typed::Call<R>,
            ) -> Result<crate::typed::Pending<R>, pushflow_core::PoolError> {
                crate::typed::Calls::on(self).submit(call)
            }

            /// See [`Calls::try_submit`](crate::typed::Calls::try_submit).
            ///
            /// # Errors
            ///
            /// Why the pool refused it.
            pub fn try_submit<R>(
                &self,
                call: crate::typed::Call<R>,
            ) -> Result<crate::typed::Pending<R>, pushflow_core::PoolError> {
                crate::typed::Calls::on(self).try_submit(call)
            }

            /// See [`Calls::map`](crate::typed::Calls::map).
            ///
            /// # Errors
            ///
            /// Why the pool refused it.
            pub fn map<T: crate::typed::Argument, R>(
                &self,
                function: crate::typed::Function<(T,), R>,
                items: impl IntoIterator<Item = T>,
            ) -> Result<crate::typed::Map<R>, pushflow_core::PoolError> {
                crate::typed::Calls::on(self).map(function, items)
            }

            /// See [`Calls::map_chunked`](crate::typed::Calls::map_chunked).
            ///
            /// # Errors
            ///
            /// Why the pool refused it.
            pub fn map_chunked<T: crate::typed::Argument, R>(
                &self,
                function: crate::typed::Function<(T,), R>,
                items: impl IntoIterator<Item = T>,
                chunk: usize,
            ) -> Result<crate::typed::Map<R>, pushflow_core::PoolError> {
                crate::typed::Calls::on(self).map_chunked(function, items, chunk)
            }

            /// See [`Calls::starmap`](crate::typed::Calls::starmap).
            ///
            /// # Errors
            ///
            /// Why the pool refused it.
            pub fn starmap<A: crate::typed::Arguments, R>(
                &self,
                function: crate::typed::Function<A, R>,
                items: impl IntoIterator<Item = A>,
            ) -> Result<crate::typed::Map<R>, pushflow_core::PoolError> {
                crate::typed::Calls::on(self).starmap(function, items)
            }

            /// See [`Calls::starmap_chunked`](crate::typed::Calls::starmap_chunked).
            ///
            /// # Errors
            ///
            /// Why the pool refused it.
            pub fn starmap_chunked<A: crate::typed::Arguments, R>(
                &self,
                function: crate::typed::Function<A, R>,
                items: impl IntoIterator<Item = A>,
                chunk: usize,
            ) -> Result<crate::typed::Map<R>, pushflow_core::PoolError> {
                crate::typed::Calls::on(self).starmap_chunked(function, items, chunk)
            }

            /// See [`Calls::imap`](crate::typed::Calls::imap).
            ///
            /// # Errors
            ///
            /// Why the pool refused it.
            pub fn imap<T: crate::typed::Argument, R, I: IntoIterator<Item = T>>(
                &self,
                function: crate::typed::Function<(T,), R>,
                items: I,
            ) -> Result<crate::typed::Imap<'_, crate::typed::Singles<I::IntoIter>, R>, pushflow_core::PoolError> {
                crate::typed::Calls::on(self).imap(function, items)
            }

            /// See [`Calls::imap_with`](crate::typed::Calls::imap_with).
            ///
            /// # Errors
            ///
            /// Why the pool refused it.
            pub fn imap_with<T: crate::typed::Argument, R, I: IntoIterator<Item = T>>(
                &self,
                function: crate::typed::Function<(T,), R>,
                items: I,
                pace: crate::typed::Pace,
            ) -> Result<crate::typed::Imap<'_, crate::typed::Singles<I::IntoIter>, R>, pushflow_core::PoolError> {
                crate::typed::Calls::on(self).imap_with(function, items, pace)
            }

            /// See [`Calls::imap_unordered`](crate::typed::Calls::imap_unordered).
            ///
            /// # Errors
            ///
            /// Why the pool refused it.
            pub fn imap_unordered<T: crate::typed::Argument, R, I: IntoIterator<Item = T>>(
                &self,
                function: crate::typed::Function<(T,), R>,
                items: I,
            ) -> Result<crate::typed::ImapUnordered<'_, crate::typed::Singles<I::IntoIter>, R>, pushflow_core::PoolError> {
                crate::typed::Calls::on(self).imap_unordered(function, items)
            }

            /// See [`Calls::imap_unordered_with`](crate::typed::Calls::imap_unordered_with).
            ///
            /// # Errors
            ///
            /// Why the pool refused it.
            pub fn imap_unordered_with<T: crate::typed::Argument, R, I: IntoIterator<Item = T>>(
                &self,
                function: crate::typed::Function<(T,), R>,
                items: I,
                pace: crate::typed::Pace,
            ) -> Result<crate::typed::ImapUnordered<'_, crate::typed::Singles<I::IntoIter>, R>, pushflow_core::PoolError> {
                crate::typed::Calls::on(self).imap_unordered_with(function, items, pace)
            }
        }
    };
}

#[cfg(feature = "thread")]
typed_methods!(crate::ThreadPool);
#[cfg(feature = "process")]
typed_methods!(crate::ProcessPool);
typed_methods!(crate::ScalingPool);
