package dashboard

import "github.com/adred-codev/ws_poc/kit/metric"

// compare shows the variants side by side, each as the sum of its instances: what a rollout goes by.
func compare() Dashboard {
	const variant, legend = "variant", "{{variant}}"
	each := func(d metric.Def) string { return sum(variant, d.Name) }
	rated := func(series string) string { return sum(variant, rate(series)) }
	perConnection := func(expr string) string { return expr + " / (" + each(metric.Connections) + " > 0)" }
	one := func(expr string) Query { return Query{expr, legend} }
	closed := func(code string) string {
		return rated(metric.ConnectionsClosed.Name + `{code="` + code + `"}`)
	}
	bucket := metric.DeliveryLatency.Name + "_bucket"
	return Dashboard{
		UID: "compare", Title: "Both variants side by side", About: "What scripts/rollout goes by: the shares, and whether one of them does worse.",
		Rows: []Row{
			panels("At a glance",
				number("Connections", "short", "Of each variant.", each(metric.Connections), legend),
				number("Share of the connections", "percentunit", "From the variants' own gauges: what the weights have come to.",
					"variant:ws_connections:share", legend),
				number("Ready", "short", "Instances that let clients in.", each(metric.Ready), legend),
				number("Alerts that fire", "short", "deploy/prometheus/RUNBOOK.md has a section for each.",
					`count(ALERTS{alertname=~"Ws.*",alertstate="firing"}) or vector(0)`, "alerts"),
			),
			panels("Where the clients are",
				chart("Share of the connections", "percentunit", "Of all that are open now.", one("variant:ws_connections:share")).stacked().share(),
				chart("Opened a second", "short", "New connections go where the weights say.", one(rated(metric.ConnectionsOpened.Name))),
				chart("Moved a second", "short", "Closed with 4005, by a rollout that sends them elsewhere.", one(closed("4005"))),
			),
			panels("How late messages are",
				chart("p50", "s", "From a record's timestamp to the kernel's taking its message: half are faster.", one(quantile(0.5, variant, bucket))),
				chart("p99", "s", "99 of 100 are faster.", one(quantile(0.99, variant, bucket))),
				chart("Kafka's lag", "short", "Records between what was read and the log's end. The same for both, unless one has trouble.", one(each(metric.KafkaLag))),
			),
			panels("What they cost",
				chart("CPU of a message", "s", "CPU time of the process for each message delivered, with everything else it does.",
					one(rated(procCPU+`{job="ws"}`)+" / ("+rated(metric.MessagesSent.Name)+" > 0)")),
				chart("Memory of a connection", "bytes", "All memory of the process and its sockets over its connections: the history is in it.",
					one(perConnection(each(metric.Memory)))),
				chart("Busiest loop", "percentunit", "Share of the time that it works.", one("max by (variant) ("+metric.LoopBusy.Name+")")).share(),
				chart("CPU", "percentunit", "Of the cores each may use.", one("avg by (variant) ("+metric.CPU.Name+")")).share(),
			),
			panels("What clients get",
				chart("Messages a second and connection", "short", "Alike, where clients subscribe alike.", one(perConnection(rated(metric.MessagesSent.Name)))),
				chart("Behind", "percentunit", "Share of the connections that are not at the end of the history.", one(perConnection(each(metric.ConnectionsBehind)))).share(),
				chart("Resume reach", "s", "How far back clients can resume; of the instance where it is shortest.", one("min by (variant) ("+metric.HistoryAge.Name+")")),
			),
			panels("What goes wrong",
				chart("Closed as too slow a second", "short", "4001. Client for client alike, unless one variant is slower.", one(closed("4001"))),
				chart("Closed without a close frame a second", "short", "1006: networks that go away, and processes that die.", one(closed("1006"))),
				chart("Refused a second", "short", "For want of room or by rule; the dashboard of a server says which.", one(rated(metric.ConnectionsRejected.Name))),
				chart("Resumes that lost something a second", "short", "The history did not reach back.", one(rated(metric.Resumes.Name+`{result="lost"}`))),
				chart("Lost by the log a second", "short", "Offsets that Kafka had lost before they were read.", one(rated(metric.KafkaGapRecords.Name))),
				chart("Starts within an hour", "short", "Of processes; should be 0.", one(`sum by (variant) (changes(`+procStart+`{job="ws"}[1h]))`)),
			),
		},
	}
}
