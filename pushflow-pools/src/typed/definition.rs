//! `task!`: the definition of functions that pools can run.

use std::sync::{Arc, OnceLock};

use pushflow_core::Task;
use pushflow_core::registry::Registered;

/// Where a definition keeps its task, made once.
#[doc(hidden)]
pub type Kept = OnceLock<Arc<dyn Task>>;

/// Makes the task of a definition, or returns it.
#[doc(hidden)]
pub fn keep(kept: &'static Kept, registered: Registered) -> &'static Arc<dyn Task> {
    kept.get_or_init(|| Arc::new(registered))
}

/// Defines functions that pools can run, in this process or in others.
///
/// A definition looks like that of the function. Arguments and results are anything that serde can handle; much data
/// travels as [`Buffer`](pushflow_core::value::Buffer) or [`Array`](pushflow_core::value::Array), which threads share.
/// For a function `add` there are then
///
/// - `add`, a [`Function`](crate::typed::Function), for `pool.map(add, ..)`,
/// - `add::call(1, 2)`, a [`Call`](crate::typed::Call), for `pool.submit(..)`,
/// - `add::here(1, 2)`, the plain function, called in place,
///
/// and, for worker processes and for workflow files, a task that is registered as `path::of::the::module::add`, with its
/// result under `return_value`. Names have to differ within a module, functions inside of functions included.
///
/// - A function that returns `Result<T, E>`, where `E` converts to a [`TaskError`](pushflow_core::TaskError) as any error
///   does, fails with that error, and its result is `T`. It has to be written as `Result`, or `io::Result` and so on.
/// - A first parameter that is a reference is the [`Context`](pushflow_core::Context), which the worker fills in.
/// - `add` is a constant, so no variable in its scope can have its name, and a function calls itself by `add::here`.
/// - Doc comments and attributes are those of the function. It cannot be generic, nor have more than 12 arguments.
///
/// # Examples
///
/// ```
/// # #[cfg(feature = "thread")] {
/// use std::num::ParseIntError;
///
/// use pushflow_core::Context;
/// use pushflow_pools::{ThreadPool, task};
///
/// task! {
///     /// Adds two numbers.
///     pub fn add(a: i64, b: i64) -> i64 { a + b }
///
///     fn parse(text: String) -> Result<i64, ParseIntError> { text.parse() }
///
///     fn count(ctx: &Context<'_>, to: u64) -> u64 { (0..to).take_while(|_| !ctx.is_interrupted()).count() as u64 }
/// }
///
/// let pool = ThreadPool::builder().workers(2).build()?;
/// assert_eq!(pool.submit(add::call(1, 2))?.wait().unwrap(), 3);
/// assert_eq!(pool.submit(parse::call("x".to_owned()))?.wait().unwrap_err().type_name(), "ParseIntError");
/// assert_eq!(pool.submit(count::call(10))?.wait().unwrap(), 10);
/// assert_eq!(add::here(1, 2), 3);
/// # }
/// # Ok::<(), pushflow_core::PoolError>(())
/// ```
#[macro_export]
macro_rules! task {
    ($($definitions:tt)*) => {
        $crate::__task! { @split $($definitions)* }
    };
}

/// The steps of [`task!`](crate::task): definitions are split, their attributes sorted, then their parameters.
#[doc(hidden)]
#[macro_export]
macro_rules! __task {
    (@split) => {};
    (@split
        $(#[$($attribute:tt)*])* $vis:vis fn $name:ident($($parameters:tt)*)
        -> Result<$ok:ty $(, $error:ty)? $(,)?> $body:block $($rest:tt)*
    ) => {
        $crate::__task! {
            @attributes [$([$($attribute)*])*] [] [] []
            [$vis $name [$($parameters)*] [fallible $ok] [Result<$ok $(, $error)?>] $body]
        }
        $crate::__task! { @split $($rest)* }
    };
    (@split
        $(#[$($attribute:tt)*])* $vis:vis fn $name:ident($($parameters:tt)*)
        -> $module:ident::Result<$ok:ty $(, $error:ty)? $(,)?> $body:block $($rest:tt)*
    ) => {
        $crate::__task! {
            @attributes [$([$($attribute)*])*] [] [] []
            [$vis $name [$($parameters)*] [fallible $ok] [$module::Result<$ok $(, $error)?>] $body]
        }
        $crate::__task! { @split $($rest)* }
    };
    (@split
        $(#[$($attribute:tt)*])* $vis:vis fn $name:ident($($parameters:tt)*)
        -> $root:ident::$module:ident::Result<$ok:ty $(, $error:ty)? $(,)?> $body:block $($rest:tt)*
    ) => {
        $crate::__task! {
            @attributes [$([$($attribute)*])*] [] [] []
            [$vis $name [$($parameters)*] [fallible $ok] [$root::$module::Result<$ok $(, $error)?>] $body]
        }
        $crate::__task! { @split $($rest)* }
    };
    (@split
        $(#[$($attribute:tt)*])* $vis:vis fn $name:ident($($parameters:tt)*) -> $result:ty $body:block $($rest:tt)*
    ) => {
        $crate::__task! {
            @attributes [$([$($attribute)*])*] [] [] []
            [$vis $name [$($parameters)*] [plain $result] [$result] $body]
        }
        $crate::__task! { @split $($rest)* }
    };
    (@split $(#[$($attribute:tt)*])* $vis:vis fn $name:ident($($parameters:tt)*) $body:block $($rest:tt)*) => {
        $crate::__task! {
            @attributes [$([$($attribute)*])*] [] [] []
            [$vis $name [$($parameters)*] [plain ()] [()] $body]
        }
        $crate::__task! { @split $($rest)* }
    };

    // Attributes: documentation, which is that of all items; conditions, which hold for all; the rest is the function's.
    // Lines of documentation are taken by the dozen, as each step counts against the limit of recursion.
    (@attributes
        [
            [doc = $a:expr] [doc = $b:expr] [doc = $c:expr] [doc = $d:expr] [doc = $e:expr] [doc = $f:expr]
            [doc = $g:expr] [doc = $h:expr] [doc = $i:expr] [doc = $j:expr] [doc = $k:expr] [doc = $l:expr]
            $($more:tt)*
        ]
        [$($docs:tt)*] $conditions:tt $others:tt $definition:tt
    ) => {
        $crate::__task! {
            @attributes [$($more)*]
            [
                $($docs)* [doc = $a] [doc = $b] [doc = $c] [doc = $d] [doc = $e] [doc = $f]
                [doc = $g] [doc = $h] [doc = $i] [doc = $j] [doc = $k] [doc = $l]
            ]
            $conditions $others $definition
        }
    };
    (@attributes
        [[doc $($content:tt)*] $($more:tt)*] [$($docs:tt)*] $conditions:tt $others:tt $definition:tt
    ) => {
        $crate::__task! {
            @attributes [$($more)*] [$($docs)* [doc $($content)*]] $conditions $others $definition
        }
    };
    (@attributes
        [[cfg $($content:tt)*] $($more:tt)*] $docs:tt [$($conditions:tt)*] $others:tt $definition:tt
    ) => {
        $crate::__task! {
            @attributes [$($more)*] $docs [$($conditions)* [cfg $($content)*]] $others $definition
        }
    };
    (@attributes [$other:tt $($more:tt)*] $docs:tt $conditions:tt [$($others:tt)*] $definition:tt) => {
        $crate::__task! { @attributes [$($more)*] $docs $conditions [$($others)* $other] $definition }
    };
    (@attributes
        [] $docs:tt $conditions:tt $others:tt
        [$vis:vis $name:ident [$context:ident: &$type:ty $(, $($parameters:tt)*)?] $($definition:tt)*]
    ) => {
        $crate::__task! {
            @parameters [$($($parameters)*)?] [] [[$context: &$type]]
            [$docs $conditions $others $vis $name $($definition)*]
        }
    };
    (@attributes
        [] $docs:tt $conditions:tt $others:tt [$vis:vis $name:ident [$($parameters:tt)*] $($definition:tt)*]
    ) => {
        $crate::__task! {
            @parameters [$($parameters)*] [] [] [$docs $conditions $others $vis $name $($definition)*]
        }
    };

    // Parameters: a name, its type, and whether it may be changed.
    (@parameters [mut $name:ident: $type:ty $(, $($more:tt)*)?] [$($done:tt)*] $context:tt $definition:tt) => {
        $crate::__task! { @parameters [$($($more)*)?] [$($done)* [[mut] $name $type]] $context $definition }
    };
    (@parameters [$name:ident: $type:ty $(, $($more:tt)*)?] [$($done:tt)*] $context:tt $definition:tt) => {
        $crate::__task! { @parameters [$($($more)*)?] [$($done)* [[] $name $type]] $context $definition }
    };
    (@parameters
        [] [$([[$($change:ident)?] $argument:ident $type:ty])*] [$([$($context:tt)*])?]
        [
            [$([$($doc:tt)*])*] [$([$($condition:tt)*])*] [$([$($other:tt)*])*]
            $vis:vis $name:ident [$kind:ident $result:ty] [$returned:ty] $body:block
        ]
    ) => {
        $(#[$($doc)*])*
        $(#[$($condition)*])*
        #[allow(non_camel_case_types, dead_code, reason = "bears the name of the function")]
        #[derive(Debug)]
        $vis enum $name {}

        $(#[$($doc)*])*
        $(#[$($condition)*])*
        #[allow(non_upper_case_globals, dead_code, reason = "bears the name of the function")]
        $vis const $name: $crate::typed::Function<($($type,)*), $result> = $name::__FUNCTION;

        $(#[$($condition)*])*
        #[allow(dead_code, clippy::too_many_arguments, reason = "not all ways to call a function are used")]
        impl $name {
            const __NAME: &'static str = ::core::concat!(::core::module_path!(), "::", ::core::stringify!($name));
            const __REGISTERED: $crate::typed::Registered =
                $crate::typed::Registered { name: Self::__NAME, function: Self::__run };
            const __FUNCTION: $crate::typed::Function<($($type,)*), $result> =
                $crate::typed::Function::new(Self::__REGISTERED, Self::__task);

            fn __task() -> &'static ::std::sync::Arc<dyn $crate::typed::Task> {
                static TASK: $crate::typed::Kept = $crate::typed::Kept::new();
                $crate::typed::keep(&TASK, Self::__REGISTERED)
            }

            fn __run(
                __inputs: &$crate::typed::Payload,
                __ctx: &$crate::typed::Context<'_>,
            ) -> $crate::typed::Outcome {
                let _ = __ctx;
                let ($($argument,)*) = <($($type,)*) as $crate::typed::Arguments>::read(
                    Self::__NAME,
                    &[$(::core::stringify!($argument)),*],
                    __inputs,
                )?;
                let __returned = $crate::__task!(@call __ctx [$([$($context)*])?] $($argument)*);
                $crate::__task!(@return $kind __returned)
            }

            /// Makes a call of the function, to be submitted to a pool.
            ///
            $(#[$($doc)*])*
            $vis fn call($($argument: $type),*) -> $crate::typed::Call<$result> {
                Self::__FUNCTION.call_with(($($argument,)*))
            }

            /// Calls the function in place, without any pool.
            ///
            $(#[$($doc)*])*
            $(#[$($other)*])*
            $vis fn here($($($context)*,)? $($($change)? $argument: $type),*) -> $returned $body
        }

        $(#[$($condition)*])*
        const _: () = {
            $crate::typed::register_task!($name::__NAME, $name::__run);
        };
    };
    (@call $ctx:ident [] $($argument:ident)*) => {
        Self::here($($argument),*)
    };
    (@call $ctx:ident [$context:tt] $($argument:ident)*) => {
        Self::here($ctx, $($argument),*)
    };
    (@return plain $returned:ident) => {
        $crate::typed::outputs(Self::__NAME, &$returned)
    };
    (@return fallible $returned:ident) => {
        match $returned {
            Ok(__result) => $crate::typed::outputs(Self::__NAME, &__result),
            Err(__error) => Err($crate::typed::TaskError::from(__error)),
        }
    };
}
