package bench

import (
	"bufio"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

// bareChat is a chat that only passes messages on: no store, no logins, no
// limits, any room for anybody. Each message is encoded once, and all that waits for
// a member is one write: what a goroutine for each direction can reach here.
type bareChat struct {
	single bool // one write for each message instead, as most chats do it

	mu    sync.Mutex
	rooms map[string]*bareRoom
}

type bareRoom struct {
	name string

	mu      sync.Mutex
	last    int64
	kept    [][]byte // frames of all messages, by ID from 1
	members map[*bareMember]bool
}

type bareMember struct {
	conn   net.Conn
	single bool

	mu     sync.Mutex
	queue  net.Buffers
	closed bool
	wake   chan struct{} // holds one: the queue is not empty, or closed
}

// bareHello is how long a connection may be without a hello, and how long the
// header of its request may take.
const bareHello = 5 * time.Second

// bareFrame is any frame of a client.
type bareFrame struct {
	T    string          `json:"t"`
	N    int             `json:"n"`
	Room string          `json:"room"`
	CID  string          `json:"cid"`
	Last int64           `json:"last"`
	Body json.RawMessage `json:"body"`
}

func newBareChat(single bool) *bareChat {
	return &bareChat{single: single, rooms: map[string]*bareRoom{}}
}

func (b *bareChat) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	conn, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	defer conn.Close()
	sum := sha1.Sum([]byte(r.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")) // RFC 6455 section 1.3
	fmt.Fprintf(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
		base64.StdEncoding.EncodeToString(sum[:])) // an error shows at the next read
	conn.SetReadDeadline(time.Now().Add(bareHello)) // an error shows at the next read
	m := &bareMember{conn: conn, single: b.single, wake: make(chan struct{}, 1)}
	var writer sync.WaitGroup
	writer.Go(m.write) // ended by close
	defer writer.Wait()
	defer m.close()
	b.read(m, buffered.Reader)
}

// read serves a member's frames until the connection ends.
func (b *bareChat) read(m *bareMember, in *bufio.Reader) {
	for {
		payload, err := readMasked(in)
		if err != nil {
			return
		}
		var f bareFrame
		if err := json.Unmarshal(payload, &f); err != nil {
			return
		}
		switch f.T {
		case "hello":
			m.conn.SetReadDeadline(time.Time{}) // an error shows at the next read
			m.push(textFrame(`{"t":"welcome","conn":"c","user":"u","epoch":"bare","ping_s":25}`))
		case "join":
			room := b.room(f.Room)
			room.join(m, f)
			defer room.leave(m)
		case "send":
			b.room(f.Room).send(m, f)
		}
	}
}

func (b *bareChat) room(name string) *bareRoom {
	b.mu.Lock()
	defer b.mu.Unlock()
	r := b.rooms[name]
	if r == nil {
		r = &bareRoom{name: name, members: map[*bareMember]bool{}}
		b.rooms[name] = r
	}
	return r
}

func (r *bareRoom) join(m *bareMember, f bareFrame) {
	r.mu.Lock()
	defer r.mu.Unlock()
	first := f.Last
	if first == 0 {
		first = max(r.last-50, 0)
	}
	m.push(textFrame(`{"t":"joined","n":%d,"room":%q,"head":%d,"epoch":"bare"}`, f.N, r.name, r.last))
	m.push(r.kept[first:]...)
	m.push(textFrame(`{"t":"live","room":%q,"id":%d}`, r.name, r.last))
	r.members[m] = true
}

func (r *bareRoom) leave(m *bareMember) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.members, m)
}

func (r *bareRoom) send(m *bareMember, f bareFrame) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now().UnixMilli()
	r.last++
	frame := textFrame(`{"t":"msg","room":%q,"id":%d,"prev":%d,"user":"u-000001","name":"Member 1","cid":%q,"ts":%d,"body":%s}`,
		r.name, r.last, r.last-1, f.CID, now, f.Body)
	r.kept = append(r.kept, frame)
	for other := range r.members {
		other.push(frame)
	}
	m.push(textFrame(`{"t":"ack","cid":%q,"room":%q,"id":%d,"ts":%d}`, f.CID, r.name, r.last, now))
}

func (m *bareMember) push(frames ...[]byte) {
	m.mu.Lock()
	m.queue = append(m.queue, frames...)
	m.mu.Unlock()
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

func (m *bareMember) close() {
	m.mu.Lock()
	m.closed = true
	m.mu.Unlock()
	m.push()
}

// write writes what is queued until the member is closed or gone.
func (m *bareMember) write() {
	var spare net.Buffers
	for range m.wake {
		m.mu.Lock()
		queue, closed := m.queue, m.closed
		m.queue = spare[:0]
		m.mu.Unlock()
		if closed {
			return
		}
		spare = queue
		if err := m.writeAll(queue); err != nil {
			m.conn.Close() // the reader ends with it
		}
	}
}

func (m *bareMember) writeAll(queue net.Buffers) error {
	if !m.single {
		_, err := queue.WriteTo(m.conn)
		return err
	}
	for _, frame := range queue {
		if _, err := m.conn.Write(frame); err != nil {
			return err
		}
	}
	return nil
}

// readMasked reads the payload of a client's frame.
func readMasked(in *bufio.Reader) ([]byte, error) {
	head, err := in.Peek(4)
	if err != nil {
		return nil, err
	}
	size, length := int(head[1]&127), 2
	if size == 126 {
		size, length = int(binary.BigEndian.Uint16(head[2:])), 4
	}
	whole := make([]byte, length+4+size)
	if _, err := io.ReadFull(in, whole); err != nil {
		return nil, err
	}
	mask, payload := whole[length:length+4], whole[length+4:]
	for i := range payload {
		payload[i] ^= mask[i%4]
	}
	return payload, nil
}

// textFrame returns a server's frame with one line.
func textFrame(format string, args ...any) []byte {
	payload := fmt.Appendf(nil, format, args...)
	b := []byte{0x81}
	if len(payload) < 126 {
		b = append(b, byte(len(payload)))
	} else {
		b = append(b, 126)
		b = binary.BigEndian.AppendUint16(b, uint16(len(payload)))
	}
	return append(b, payload...)
}
