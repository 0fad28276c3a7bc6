"""The file formats that captions go out and come in by; their readers and writers are adapters."""

from django.db import models


class FileFormat(models.TextChoices):
    JSONL = "jsonl", "JSON Lines"
    CSV = "csv", "CSV"
    PARQUET = "parquet", "Parquet"
    COCO = "coco", "COCO captions"
    MSRVTT = "msrvtt", "MSR-VTT"
    VATEX = "vatex", "VATEX"
    ACTIVITYNET = "activitynet", "ActivityNet Captions"
    WEBVTT = "webvtt", "WebVTT"
    SRT = "srt", "SRT"
    VIDEOFOLDER = "videofolder", "Hugging Face VideoFolder"
    LABELSTUDIO = "labelstudio", "Label Studio JSON"
