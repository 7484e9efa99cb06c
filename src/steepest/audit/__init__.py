"""The audit of a network: what can be said of its homogeneity, kinks and curvature on a batch."""

from steepest.audit._audit import audit as audit
from steepest.audit._report import AuditReport as AuditReport
