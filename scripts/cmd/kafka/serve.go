package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/adred-codev/ws_poc/scripts/internal/broker"
)

// serve runs a broker for the program on the other end of stdin, until that
// ends. It is how tests of other modules and languages get a broker that they
// can kill, freeze and restart.
func serve(ctx context.Context, opts broker.Options, stdin io.Reader, stdout io.Writer) (err error) {
	// stdin is read from the first moment: a caller that dies while the broker
	// starts must not leave it behind. The reader ends with the process.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	lines := make(chan string)
	go func() {
		defer cancel()
		for scan := bufio.NewScanner(stdin); scan.Scan(); {
			select {
			case lines <- scan.Text():
			case <-ctx.Done():
				return
			}
		}
	}()
	b, err := broker.Start(ctx, opts)
	if err != nil {
		return err
	}
	defer func() {
		if stopErr := b.Stop(); err == nil {
			err = stopErr
		}
	}()
	if _, err := fmt.Fprintln(stdout, b.Addr()); err != nil {
		return err
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case line := <-lines:
			answer := "ok"
			if err := obey(ctx, b, line); err != nil {
				answer = "error: " + strings.ReplaceAll(err.Error(), "\n", " ")
			}
			if _, err := fmt.Fprintln(stdout, answer); err != nil {
				return err
			}
		}
	}
}

func obey(ctx context.Context, b *broker.Broker, line string) error {
	words := strings.Fields(line)
	if len(words) == 0 {
		return fmt.Errorf("empty command")
	}
	arguments := map[string]int{"kill": 0, "restart": 0, "freeze": 0, "thaw": 0, "create": 2, "delete": 1, "partitions": 2, "delete-records": 3}
	want, known := arguments[words[0]]
	if !known || len(words)-1 != want {
		return fmt.Errorf("bad command %q", line)
	}
	var numbers []int // every argument after the topic
	for _, w := range words[min(2, len(words)):] {
		n, err := strconv.Atoi(w)
		if err != nil || n < 0 {
			return fmt.Errorf("bad number %q in %q", w, line)
		}
		numbers = append(numbers, n)
	}
	switch words[0] {
	case "kill":
		return b.Kill()
	case "restart":
		return b.Restart(ctx)
	case "freeze":
		return b.Freeze()
	case "thaw":
		return b.Thaw()
	case "create":
		return b.CreateTopics(ctx, numbers[0], words[1])
	case "delete":
		return b.DeleteTopic(ctx, words[1])
	case "partitions":
		return b.AddPartitions(ctx, words[1], numbers[0])
	default: // delete-records
		return b.DeleteRecords(ctx, words[1], int32(numbers[0]), int64(numbers[1]))
	}
}
