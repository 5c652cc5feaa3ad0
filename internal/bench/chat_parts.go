package bench

import (
	"fmt"
	"time"

	"github.com/line-frontdesk/frontdesk/internal/bench/chatload"
)

// chatPart is one measurement: the same job for every subject.
type chatPart struct {
	name   string
	title  func(ChatOptions) string
	job    func(ChatOptions, *chatServer) chatload.Job
	heads  string                   // of the columns
	cells  func(chatResult) string  // a line of the table
	figure func(chatResult) float64 // what counts
}

const (
	// underWay is how many messages the one room gets ahead of its members.
	underWay = 100
	// frameBytes is about what a message has beside its text.
	frameBytes = 180
	// talking is how many rooms of two go on beside connections that do nothing.
	talking = 50
	// senders fill the one room while its members are away.
	senders = 10
)

var chatParts = []*chatPart{
	{
		name: "room",
		title: func(opt ChatOptions) string {
			return fmt.Sprintf("One room of %d members, messages of %d bytes, %d under way, for %v", opt.Members, opt.Bytes, underWay, opt.Duration)
		},
		job: func(opt ChatOptions, srv *chatServer) chatload.Job {
			return srv.oneRoom(opt, chatload.Job{Kind: "fanout", Window: underWay})
		},
		heads: "sends/s\tdelivered/s\tp50\tp99", cells: deliveries, figure: delivered,
	},
	{
		name: "paced",
		title: func(opt ChatOptions) string {
			return fmt.Sprintf("The same room at %.0f sends a second, due → received", opt.Rate)
		},
		job: func(opt ChatOptions, srv *chatServer) chatload.Job {
			return srv.oneRoom(opt, chatload.Job{Kind: "fanout", Rate: opt.Rate})
		},
		heads: "sends/s\tdelivered/s\tp50\tp99", cells: deliveries,
		figure: func(r chatResult) float64 { return r.P99.Seconds() },
	},
	{
		name: "pairs",
		title: func(opt ChatOptions) string {
			return fmt.Sprintf("%d rooms of two who both send, %d bytes, due → acknowledged, for %v", opt.Rooms, opt.Bytes, opt.Duration)
		},
		job: func(opt ChatOptions, srv *chatServer) chatload.Job {
			clients, others := srv.pairs(opt.Rooms)
			return srv.with(opt, chatload.Job{Kind: "pairs", Clients: append(clients, others...)})
		},
		heads: "sends/s\tdelivered/s\tp50\tp99",
		cells: func(r chatResult) string {
			return fmt.Sprintf("%.0f\t%.0f\t%v\t%v", r.Sent, r.Delivered, ms(r.AckP50), ms(r.AckP99))
		},
		figure: func(r chatResult) float64 { return r.Sent },
	},
	{
		name: "idle",
		title: func(opt ChatOptions) string {
			return fmt.Sprintf("%d connections that have joined rooms of two and wait: KiB each in the server's process", opt.Idle)
		},
		job: func(opt ChatOptions, srv *chatServer) chatload.Job {
			clients, others := srv.pairs(opt.Idle / 2)
			return srv.with(opt, chatload.Job{Kind: "idle", Clients: append(clients, others...)})
		},
		heads: "runtime\tresident",
		cells: func(r chatResult) string {
			each := func(bytes int64) float64 { return float64(bytes) / 1024 / float64(r.clients) }
			return fmt.Sprintf("%.1f\t%.1f", each(r.memory), each(r.resident))
		},
		figure: func(r chatResult) float64 { return float64(r.memory) },
	},
	{
		name: "back",
		title: func(opt ChatOptions) string {
			return fmt.Sprintf("%d members, each of a room of its own, come back at the same time: from the first connect until all have the %d messages that each missed",
				opt.Members, opt.Missed)
		},
		job: func(opt ChatOptions, srv *chatServer) chatload.Job {
			clients, others := srv.pairs(opt.Members)
			return srv.with(opt, chatload.Job{Kind: "resume", Clients: clients, Senders: others, Each: opt.Missed})
		},
		heads: returnHeads, cells: returns, figure: took,
	},
	{
		name:  "storm",
		title: func(opt ChatOptions) string { return "The same with all of them in one room" },
		job: func(opt ChatOptions, srv *chatServer) chatload.Job {
			return srv.oneRoom(opt, chatload.Job{Kind: "resume", Senders: srv.clients(senders, lobby), Each: opt.Missed / senders})
		},
		heads: returnHeads, cells: returns, figure: took,
	},
	{
		name: "silent",
		title: func(opt ChatOptions) string {
			return fmt.Sprintf("%d rooms of two at %.0f sends a second, due → acknowledged, alone and beside %d connections that never say hello, for %v each",
				talking, opt.Rate, opt.Idle, opt.Duration)
		},
		job: func(opt ChatOptions, srv *chatServer) chatload.Job {
			clients, others := srv.pairs(talking)
			return srv.with(opt, chatload.Job{Kind: "silent", Clients: append(clients, others...), Rate: opt.Rate, Silent: opt.Idle})
		},
		heads: "p50 alone\tp99 alone\tp50\tp99\topen\trefused\tended",
		cells: func(r chatResult) string {
			return fmt.Sprintf("%v\t%v\t%v\t%v\t%d\t%d\t%d", ms(r.P50), ms(r.P99), ms(r.AckP50), ms(r.AckP99), r.Open, r.Refused, r.Ended)
		},
		figure: func(r chatResult) float64 { return r.AckP99.Seconds() },
	},
}

func deliveries(r chatResult) string {
	return fmt.Sprintf("%.0f\t%.0f\t%v\t%v", r.Sent, r.Delivered, ms(r.P50), ms(r.P99))
}

func delivered(r chatResult) float64 { return r.Delivered }

// ms rounds for a table.
func ms(d time.Duration) time.Duration { return d.Round(10 * time.Microsecond) }

const returnHeads = "until all have all\tmessages/s"

func returns(r chatResult) string { return fmt.Sprintf("%v\t%.0f", ms(r.Took), r.Delivered) }

func took(r chatResult) float64 { return r.Took.Seconds() }
