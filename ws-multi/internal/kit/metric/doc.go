// Package metric names the metrics that every server of this project exports:
// name, help, kind, labels, buckets, and the values that labels take.
// Dashboards, alerts, the rollout and autoscaling rest on them, so both
// variants take them from here and register nothing else of the prefix ws_.
//
// A Def is a description, independent of any metrics library; the variant
// builds its own collectors of it, on a registry of its own. No label ever
// holds a channel, a user or an address.
//
// Units: seconds, bytes, ratios from 0 to 1.
package metric
