"""Environment variables by which a program is made to load or run other code than its own."""

from __future__ import annotations

from collections.abc import Mapping

LOADER_VARIABLES: Mapping[str, tuple[str, ...]] = {
    "any program": (
        "LD_*", "DYLD_*", "GCONV_PATH", "LOCPATH", "NLSPATH", "GLIBC_TUNABLES", "PATH", "HOME", "XDG_CONFIG_*",
        "XDG_DATA_*", "SHELL", "EDITOR", "VISUAL", "PAGER", "MANPAGER", "BROWSER", "LESS*",
        "SSH_*", "SUDO_ASKPASS", "OPENSSL_CONF", "OPENSSL_MODULES", "OPENSSL_ENGINES", "GTK_MODULES", "GTK_PATH",
        "QT_PLUGIN_PATH", "TERMINFO", "TERMINFO_DIRS", "TERMCAP", "GNUPGHOME",
    ),
    "shells": (
        "BASH_ENV", "ENV", "SHELLOPTS", "BASHOPTS", "BASH_FUNC_*", "BASH_LOADABLES_PATH", "PS4", "PROMPT_COMMAND",
        "IFS", "ZDOTDIR", "FPATH", "CDPATH",
    ),
    "Python": (
        "PYTHON*", "PIP_*", "UV_*", "VIRTUAL_ENV", "CONDA_*", "POETRY_*", "PDM_*", "PYENV_*", "IPYTHONDIR",
        "PYTEST_*", "COVERAGE_*", "MYPYPATH", "PYLINTRC", "DJANGO_SETTINGS_MODULE", "FLASK_*", "GUNICORN_*", "CELERY_*",
        "MPLBACKEND", "MATPLOTLIBRC", "JUPYTER_*", "TOX_*", "NOX_*",
    ),
    "version control": (
        "GIT_*", "HGRCPATH", "HGPLAIN", "HGEDITOR", "HGMERGE", "SVN_SSH", "SVN_EDITOR", "CVS_RSH",
        "RSYNC_*", "GH_PAGER", "GH_EDITOR", "GH_BROWSER", "GH_CONFIG_DIR", "DELTA_*",
    ),
    "JavaScript": (
        "NODE_OPTIONS", "NODE_PATH", "NODE_REPL_*", "npm_config_*", "YARN_*", "PNPM_*", "BUN_*", "DENO_*",
        "COREPACK_*", "ELECTRON_RUN_AS_NODE", "TS_NODE_*",
    ),
    "Perl": ("PERL*",),
    "Ruby": ("RUBY*", "GEM_*", "BUNDLE_*", "IRBRC"),
    "Java": (
        "JAVA_*", "_JAVA_OPTIONS", "JDK_JAVA_OPTIONS", "JDK_JAVAC_OPTIONS", "CLASSPATH", "MAVEN_*", "GRADLE_*", "ANT_*",
        "SBT_OPTS", "JVM_OPTS",
    ),
    "Go and Rust": (
        "GOFLAGS", "GOROOT", "GOPATH", "GOBIN", "GOENV", "GOPROXY", "GOTOOLCHAIN", "GOTOOLDIR", "GOWORK", "CGO_*",
        "RUSTC*", "RUSTDOC*", "RUSTFLAGS", "RUSTUP_*", "CARGO_*",
    ),
    "other languages": (
        "LUA_*", "PHPRC", "PHP_INI_SCAN_DIR", "R_*", "DOTNET_*", "CORECLR_*", "COR_*", "COMPlus_*", "NUGET_*", "MONO_*",
        "JULIA_*", "ERL_*", "ELIXIR_*", "MIX_*", "GHC_*", "GHCRTS", "OCAMLRUNPARAM", "CAML_LD_*", "TCLLIBPATH",
        "GUILE_*", "EMACSLOADPATH", "VIM", "VIMRUNTIME", "VIMINIT", "EXINIT", "AWKPATH", "AWKLIBPATH",
    ),
    "builds": (
        "MAKE", "MAKEFLAGS", "MAKEFILES", "GNUMAKEFLAGS", "MFLAGS", "CC", "CXX", "CPP", "LD", "AR", "AS", "CFLAGS",
        "CXXFLAGS", "CPPFLAGS", "LDFLAGS", "GCC_EXEC_PREFIX", "COMPILER_PATH", "LIBRARY_PATH", "CPATH", "CMAKE_*",
        "PKG_CONFIG*", "CCACHE_*",
    ),
    "other tools": (
        "CURL_HOME", "WGETRC", "RIPGREP_CONFIG_PATH", "BAT_*", "ACKRC", "ACK_OPTIONS", "ZIPOPT",
        "MAGICK_*", "TEXMF*", "TEXINPUTS", "LIBMYSQL_*", "GIO_*", "ODBC*", "OMPI_*", "PMIX_*", "GVBINDIR", "CLOUDSDK_*",
        "PSQL_*", "FZF_DEFAULT_*", "TAR_OPTIONS", "DOCKER_*",
        "KUBECONFIG", "HELM_*", "TF_CLI_*", "TF_PLUGIN_*", "TF_DATA_DIR", "ANSIBLE_*", "AWS_CONFIG_FILE",
        "AWS_SHARED_CREDENTIALS_FILE", "AWS_PAGER", "PSQLRC",
        "PGSERVICEFILE", "PGSYSCONFDIR", "SYSTEMD_*",
    ),
}  # fmt: skip
"""Their names by what reads them; `*` stands for any ending. npm takes its own in capitals too."""

STEP_VARIABLES = frozenset({"WF_RUN_ID", "WF_STEP", "WF_IDEMPOTENCY_KEY", "WF_ATTEMPT", "WF_RUN_MARK"})
"""What `wf` itself tells what a step starts: nothing else sets these."""

_NAMES = frozenset(name for names in LOADER_VARIABLES.values() for name in names if not name.endswith("*"))
_STARTS = tuple(name[:-1] for names in LOADER_VARIABLES.values() for name in names if name.endswith("*"))


def is_loader_variable(name: str) -> bool:
    """Whether a variable may make a program load other code; such a one is set only if `permissions.env` lists it."""
    return name in _NAMES or name.startswith(_STARTS) or name.lower().startswith("npm_config_")
