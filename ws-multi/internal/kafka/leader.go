package kafka

import (
	"context"
	"errors"
	"sync"
	"time"
)

// patience is how long the others are waited for when one leader has answered.
const patience = time.Second

var errLeaderless = errors.New("no broker leads it now")

// leader is the broker that leads a partition, as it was last seen, or nobody.
func (d *discovery) leader(p place) int32 {
	leaders := d.topics[d.reader.byName[p.topic].event].leaders
	if int(p.partition) >= len(leaders) {
		return nobody // the broker that was asked last does not know of it yet
	}
	return leaders[p.partition]
}

// ask asks some questions about places, and gives the answers by question and
// place. Each leader is asked apart and at the same time, so that the silence of
// one is an error of its own places only. Others than the fastest are not waited
// for long: their places are asked about again soon, and then without those that
// have answers, so the slow have all the time there is. Of what nobody leads nobody
// is asked, and a place that has no answer to a question is left out of the next.
func (d *discovery) ask(ctx context.Context, places []place, questions ...question) []offsets {
	ctx, late := context.WithCancel(ctx)
	defer late()
	var first sync.Once
	answers := make([]offsets, len(questions))
	for q := range questions {
		answers[q] = make(offsets, len(places))
	}
	led := map[int32][]int{}
	for i, p := range places {
		if leader := d.leader(p); leader == nobody {
			answers[0][i].err = errLeaderless
		} else {
			led[leader] = append(led[leader], i)
		}
	}
	var work sync.WaitGroup
	for _, its := range led {
		work.Go(func() {
			for q, question := range questions {
				its = d.put(ctx, question, places, its, answers[q])
			}
			if len(its) > 0 {
				first.Do(func() { time.AfterFunc(patience, late) })
			}
		})
	}
	work.Wait()
	return answers
}

// put puts a question about some of the places and gives those that have an answer.
func (d *discovery) put(ctx context.Context, q question, places []place, some []int, answers offsets) (answered []int) {
	about := make([]place, len(some))
	for n, i := range some {
		about[n] = places[i]
	}
	found, err := d.directory.ask(ctx, about, q)
	if err != nil && ctx.Err() != nil {
		err = errLate
	}
	for n, i := range some {
		if err != nil {
			answers[i].err = err
		} else if answers[i] = found[n]; found[n].err == nil {
			answered = append(answered, i)
		}
	}
	return answered
}

// failure is why one of the questions about a place has no answer.
func failure(answers []offsets, place int) error {
	for _, a := range answers {
		if a[place].err != nil {
			return a[place].err
		}
	}
	return nil
}
