"""Names of the files of a training's folder, and of the report on them."""

CONFIG = "config.yaml"
METRICS = "metrics.json"
CHECKPOINT = "model_final.pth"
LAST_CHECKPOINT = "last_checkpoint"  # which the checkpointer writes: the file to resume from
PACKED = "model.gnp"
VERIFICATION = "verification.json"
LATENCY = "latency.json"
SESSIONS = "sessions.json"
SOURCES = (CONFIG, METRICS, CHECKPOINT, PACKED, VERIFICATION, LATENCY)
REPORT = "report.html"
