package main

import (
	"math"

	"github.com/adred-codev/ws_poc/kit/metric"
	"github.com/adred-codev/ws_poc/scripts/internal/variant"
)

// bucket is how many samples of a histogram were at most le seconds.
type bucket struct {
	le    float64
	count float64
}

// buckets are those of the delivery latency, all shards together, ascending.
func buckets(m variant.Metrics) []bucket {
	var sum []bucket
	for _, series := range m[metric.DeliveryLatency.Name].GetMetric() {
		for i, b := range series.GetHistogram().GetBucket() {
			if i == len(sum) {
				sum = append(sum, bucket{le: b.GetUpperBound()})
			}
			sum[i].count += float64(b.GetCumulativeCount())
		}
	}
	return sum
}

// since is what came to a histogram between two readings.
func since(now, before []bucket) []bucket {
	came := make([]bucket, len(now))
	for i, b := range now {
		came[i] = b
		if i < len(before) {
			came[i].count -= before[i].count
		}
	}
	return came
}

// quantile estimates as Prometheus' histogram_quantile does: evenly within a bucket, and the highest finite bound for what
// lies above. It is false without samples.
func quantile(histogram []bucket, q float64) (float64, bool) {
	if len(histogram) == 0 || histogram[len(histogram)-1].count == 0 {
		return 0, false
	}
	rank := q * histogram[len(histogram)-1].count
	var low bucket
	for _, b := range histogram {
		if math.IsInf(b.le, 1) {
			break
		}
		if b.count >= rank {
			return low.le + (b.le-low.le)*(rank-low.count)/(b.count-low.count), true
		}
		low = b
	}
	return low.le, true
}
