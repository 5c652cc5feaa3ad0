package room

import (
	"cmp"
	"encoding/json"
	"errors"
	"strconv"
)

// The frames of the protocol: docs/chat-protocol.md.

// clientFrame is any frame of a client.
type clientFrame struct {
	T      string          `json:"t"`
	N      int64           `json:"n"`
	V      int             `json:"v"`
	Client string          `json:"client"`
	Token  string          `json:"token"`
	Room   string          `json:"room"`
	Last   uint64          `json:"last"`
	Epoch  string          `json:"epoch"`
	CID    string          `json:"cid"`
	Body   json.RawMessage `json:"body"`
	Edit   uint64          `json:"edit"`
	Del    uint64          `json:"del"`
	Before uint64          `json:"before"`
	Limit  int             `json:"limit"`
	Q      string          `json:"q"`
	ID     uint64          `json:"id"`
}

// Codes of errors and nacks.
const (
	codeBadFrame  = "bad_frame"
	codeTooBig    = "too_big"
	codeNoRoom    = "no_room"
	codeNoConn    = "no_conn"
	codeForbidden = "forbidden"
	codeRate      = "rate"
	codeBusy      = "busy"
	codeStoreDown = "store_down"
)

// refusal is why a frame is not served.
type refusal struct {
	code    string
	text    string
	retryMS int // 0 for never
}

func (e *refusal) Error() string { return e.text }

func refuse(code, text string) *refusal { return &refusal{code: code, text: text} }

const (
	retryBusy  = 1000 // ms
	retryStore = 2000
)

var errBusy = &refusal{codeBusy, "too much is going on; try again", retryBusy}

// refusalOf turns an error into what the client is told.
func refusalOf(err error) *refusal {
	var r *refusal
	if errors.As(err, &r) {
		return r
	}
	return &refusal{codeStoreDown, "the store does not answer; try again", retryStore}
}

type welcomeFrame struct {
	T        string `json:"t"`
	Conn     string `json:"conn"`
	User     string `json:"user"`
	Name     string `json:"name"`
	Epoch    string `json:"epoch"`
	PingS    int    `json:"ping_s"`
	MaxBytes int    `json:"max_bytes"`
	DedupS   int    `json:"dedup_s"`
	Server   string `json:"server"`
	Time     int64  `json:"time"`
}

type joinedFrame struct {
	T       string   `json:"t"`
	N       int64    `json:"n"`
	Room    string   `json:"room"`
	Kind    Kind     `json:"kind"`
	Title   string   `json:"title"`
	Head    uint64   `json:"head"`
	Epoch   string   `json:"epoch"`
	Send    bool     `json:"send"`
	Members []person `json:"members,omitempty"`
	Count   int      `json:"count"`
	Read    uint64   `json:"read"`
	Reset   bool     `json:"reset,omitempty"`
}

type ackFrame struct {
	T    string `json:"t"`
	CID  string `json:"cid"`
	Room string `json:"room"`
	ID   uint64 `json:"id"`
	Dup  bool   `json:"dup,omitempty"`
}

type nackFrame struct {
	T       string `json:"t"`
	CID     string `json:"cid"`
	Room    string `json:"room"`
	Code    string `json:"code"`
	Text    string `json:"text"`
	RetryMS int    `json:"retry_ms,omitempty"`
}

type errorFrame struct {
	T       string `json:"t"`
	N       int64  `json:"n,omitempty"`
	Code    string `json:"code"`
	Text    string `json:"text"`
	RetryMS int    `json:"retry_ms,omitempty"`
}

type okFrame struct {
	T string `json:"t"`
	N int64  `json:"n"`
}

type pageFrame struct {
	T    string            `json:"t"`
	N    int64             `json:"n"`
	Room string            `json:"room"`
	Msgs []json.RawMessage `json:"msgs"`
	More bool              `json:"more"`
}

type presenceFrame struct {
	T     string   `json:"t"`
	Room  string   `json:"room"`
	On    []person `json:"on,omitempty"`
	Off   []string `json:"off,omitempty"`
	Count int      `json:"count"`
}

// leftFrame says that a client is no longer a member.
type leftFrame struct {
	T    string `json:"t"`
	Room string `json:"room"`
	Code string `json:"code"`
	Text string `json:"text"`
}

type drainFrame struct {
	T          string `json:"t"`
	AfterMS    int64  `json:"after_ms"`
	DeadlineMS int64  `json:"deadline_ms"`
}

// jsonFrame makes a frame of a value that can always be encoded.
func jsonFrame(v any) []byte {
	if quick, ok := v.(interface{ text() []byte }); ok {
		return textFrame(quick.text())
	}
	text, err := encode(v)
	if err != nil {
		panic(err) // unreachable: frames are strings, numbers and checked JSON
	}
	return textFrame(text)
}

func liveFrame(room string, id uint64) []byte {
	b := append(make([]byte, 0, 48+len(room)), `{"t":"live","room":"`...)
	b = append(append(b, room...), `","id":`...)
	return textFrame(append(strconv.AppendUint(b, id, 10), '}'))
}

// pingFrame is the one frame ping.
var pingFrame = textFrame([]byte(`{"t":"ping"}`))

func comparePeople(a, b person) int {
	return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.User, b.User))
}
