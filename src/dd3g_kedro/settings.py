"""Kedro's project settings."""

from __future__ import annotations

from dd3g_kedro.hooks import project_hooks, tracking_wanted

HOOKS = project_hooks()

# kedro-mlflow's own hook is replaced by `hooks.tracking.TrackedRun`, which inherits from it.
# Names are those of the distributions, as their metadata spell them.
DISABLE_HOOKS_FOR_PLUGINS = (
    "kedro_mlflow",
    "kedro-telemetry",
    "kedro_telemetry",
    *(() if tracking_wanted() else ("kedro-viz", "kedro_viz")),
)

CONFIG_LOADER_ARGS = {
    "base_env": "base",
    "default_run_env": "local",
    "config_patterns": {"mlflow": ["mlflow*"]},
    # Kedro's default drops every sibling of a key that an environment changes.
    "merge_strategy": {"parameters": "soft", "globals": "soft", "mlflow": "soft"},
}
