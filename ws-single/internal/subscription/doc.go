// Package subscription is the index from a channel to the connections that
// want it, and back.
//
// An exact pattern is one key, its channel. A wildcard symbol.* is the channels
// of that symbol, one an event: events are few and fixed. A wildcard *.event is
// a key of its own. So a record finds its subscribers in two lists, its
// channel's and its event's, whatever was subscribed.
//
// Lists hold connection slots, not pointers: the collector does not look into
// them, and a removal moves the last slot into the hole. Index and Sets belong
// to the event loop's goroutine.
package subscription
