package main

import (
	"fmt"
	"os"

	"github.com/adred-codev/ws_poc/kit/wire"
	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
	"golang.org/x/sys/unix"
)

// partitions of each topic, as everywhere in this project.
const partitions = 12

// startBroker starts librdkafka's own mock of a cluster inside this process, with the topics made. It keeps at most 5 MiB
// of each partition and knows neither topic IDs nor times: good for a demo, and for nothing else.
func startBroker(topics []wire.Topic) (*kafka.MockCluster, error) {
	var mock *kafka.MockCluster
	err := withoutStderr(func() (err error) {
		mock, err = kafka.NewMockCluster(1)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("start the embedded broker: %w", err)
	}
	for _, t := range topics {
		if err := mock.CreateTopic(t.Name, partitions, 1); err != nil {
			mock.Close()
			return nil, fmt.Errorf("make topic %s in the embedded broker: %w", t.Name, err)
		}
	}
	return mock, nil
}

// withoutStderr silences what C code prints meanwhile: the mock warns that it has no broker to connect to, being one.
func withoutStderr(f func() error) error {
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer null.Close()
	saved, err := unix.Dup(unix.Stderr)
	if err != nil {
		return err
	}
	defer unix.Close(saved)
	if err := unix.Dup3(int(null.Fd()), unix.Stderr, 0); err != nil {
		return err
	}
	defer func() { _ = unix.Dup3(saved, unix.Stderr, 0) }()
	return f()
}
