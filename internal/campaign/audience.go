package campaign

import (
	"context"
	"hash"
	"io"
	"slices"

	"github.com/line-frontdesk/frontdesk/line"
)

// tally counts an audience.
type tally struct {
	users, groups, duplicates int
	chunks, calls             int
}

// gatherer makes chunks of an audience as it is read.
type gatherer struct {
	tally
	put    func(n int, chunk []byte) error // takes chunk n; nil only counts
	digest hash.Hash                       // of the receivers, in order; nil for an audience that is not given
	seen   map[userID]struct{}
	batch  []userID // of the next chunk
}

// gather reads the audience of a campaign.
func (r *Runner) gather(ctx context.Context, spec Spec, list io.Reader, digest hash.Hash, put func(n int, chunk []byte) error) (tally, error) {
	g := &gatherer{put: put, digest: digest, seen: map[userID]struct{}{}}
	var err error
	switch {
	case spec.Audience == AudienceBroadcast:
		return tally{chunks: 1, calls: 1}, nil
	case spec.Audience == AudienceAll:
		g.digest = nil // friends come and go between two tries to create it
		err = r.friends(ctx, spec.Channel, g.add)
	case list != nil:
		err = readList(list, g.add)
	default:
		err = g.addReceivers(spec.To)
	}
	if err == nil {
		err = g.flush()
	}
	if err == nil && g.users+g.groups == 0 {
		err = invalid("there is nobody to send to")
	}
	return g.tally, err
}

// friends calls fn with all friends of a channel that the directory knows. What
// is no ID of LINE's is left out.
func (r *Runner) friends(ctx context.Context, channel string, fn func(userID) error) error {
	var inner error
	err := r.cfg.Friends(ctx, channel, func(id string) bool {
		if u, ok := parseUser(id); ok {
			inner = fn(u)
		}
		return inner == nil
	})
	if inner != nil {
		return inner
	}
	return err
}

// add takes a user, unless it was there before.
func (g *gatherer) add(u userID) error {
	if _, known := g.seen[u]; known {
		g.duplicates++
		return nil
	}
	if g.users == maxUsers {
		return invalid("there are more than %d users; make several campaigns of them", maxUsers)
	}
	g.seen[u] = struct{}{}
	g.users++
	if g.digest != nil {
		_, _ = g.digest.Write(u[:]) // never fails
	}
	g.batch = append(g.batch, u)
	if len(g.batch) < line.MaxRecipients {
		return nil
	}
	return g.flush()
}

// flush ends a chunk.
func (g *gatherer) flush() error {
	if len(g.batch) == 0 {
		return nil
	}
	g.calls++
	err := g.store(packUsers(g.batch))
	g.batch = g.batch[:0]
	return err
}

func (g *gatherer) store(chunk []byte) error {
	n := g.chunks
	g.chunks++
	if g.put == nil {
		return nil
	}
	return g.put(n, chunk)
}

// addReceivers takes receivers that were named one by one: users become a
// chunk, groups and rooms another one.
func (g *gatherer) addReceivers(ids []string) error {
	var singles []string
	for _, id := range ids {
		u, isUser := parseUser(id)
		switch {
		case isUser:
			if err := g.add(u); err != nil {
				return err
			}
		case slices.Contains(singles, id):
			g.duplicates++
		default:
			singles = append(singles, id)
			if g.digest != nil {
				_, _ = g.digest.Write([]byte(id)) // never fails
			}
		}
	}
	if len(singles) == 0 {
		return nil
	}
	if err := g.flush(); err != nil {
		return err
	}
	g.groups, g.calls = len(singles), g.calls+len(singles)
	chunk, err := packSingles(singles)
	if err != nil {
		return err
	}
	return g.store(chunk)
}
