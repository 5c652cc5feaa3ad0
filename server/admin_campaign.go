package server

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"time"

	"github.com/line-frontdesk/frontdesk/internal/campaign"
)

const (
	// campaignLimit bounds the creation of a campaign with the longest list.
	campaignLimit = 5 * time.Minute
	// maxCampaignBody and maxCampaignSpec bound what is sent of it, in bytes: in
	// all, and without the list of users.
	maxCampaignBody = 512 << 20
	maxCampaignSpec = 1 << 20
)

// withList answers a request that may bring a long list of users. All of it is
// read, whatever the answer: who still sends would not see it.
func withList(answer func(*http.Request) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), campaignLimit)
		defer cancel()
		body := http.MaxBytesReader(nil, r.Body, maxCampaignBody)
		r = r.WithContext(ctx)
		r.Body = body
		v, err := answer(r)
		_, _ = io.Copy(io.Discard, body) // fails when the client is gone, or sends too much
		writeAdmin(w, v, err)
	}
}

// createCampaign and planCampaign take a NewCampaign as JSON, or as the first
// part, named campaign, of a form whose second one, named users, is the list.
func (a *adminAPI) createCampaign(r *http.Request) (any, error) {
	spec, list, err := readCampaign(r)
	if err != nil {
		return nil, err
	}
	c, err := a.campaigns.Create(r.Context(), spec, list)
	return campaignRow(c), campaignError(err)
}

func (a *adminAPI) planCampaign(r *http.Request) (any, error) {
	spec, list, err := readCampaign(r)
	if err != nil {
		return nil, err
	}
	p, err := a.campaigns.Plan(r.Context(), spec, list)
	return CampaignPlan{
		Users: p.Users, Groups: p.Groups, Duplicates: p.Duplicates, Calls: p.Calls, StartAt: p.StartAt, Cost: p.Cost, AtLeast: p.AtLeast,
		Quota: (*CampaignQuota)(p.Quota), Fits: p.Fits, Checked: p.Checked, Unchecked: p.Unchecked,
	}, campaignError(err)
}

// readCampaign reads a request up to its list, nil for none.
func readCampaign(r *http.Request) (campaign.Spec, io.Reader, error) {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/form-data" {
		spec, err := readSpec(r.Body)
		return spec, nil, err
	}
	form, err := r.MultipartReader()
	if err != nil {
		return campaign.Spec{}, nil, badRequest("the form cannot be read: %v", err)
	}
	part, err := form.NextPart()
	if err != nil || part.FormName() != "campaign" {
		return campaign.Spec{}, nil, badRequest("the first part of the form is not campaign")
	}
	spec, err := readSpec(part)
	if err != nil {
		return campaign.Spec{}, nil, err
	}
	part, err = form.NextPart()
	if errors.Is(err, io.EOF) {
		return spec, nil, nil
	}
	if err != nil || part.FormName() != "users" {
		return campaign.Spec{}, nil, badRequest("the second part of the form is not users")
	}
	return spec, &lastPart{part, form}, nil
}

// readSpec reads a NewCampaign.
func readSpec(from io.Reader) (campaign.Spec, error) {
	data, err := io.ReadAll(io.LimitReader(from, maxCampaignSpec+1))
	if err != nil {
		return campaign.Spec{}, badRequest("the campaign cannot be read: %v", err)
	}
	if len(data) > maxCampaignSpec {
		return campaign.Spec{}, badRequest("the campaign has more than %d bytes; many users belong into a list", maxCampaignSpec)
	}
	if !json.Valid(data) {
		return campaign.Spec{}, badRequest("the campaign is not JSON")
	}
	var n NewCampaign
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&n); err != nil {
		return campaign.Spec{}, badRequest("campaign: %v", err)
	}
	return campaign.Spec{
		ID: n.ID, Channel: n.Channel, Name: n.Name, Audience: cmp.Or(n.Audience, campaign.AudienceUsers),
		To: n.To, StartAt: n.StartAt, Messages: n.Messages, OverQuota: n.OverQuota,
	}, nil
}

// lastPart reads a part that must be the form's last one, to its end: a list that
// broke off is no list.
type lastPart struct {
	part *multipart.Part
	form *multipart.Reader
}

// Read reads from the part.
func (p *lastPart) Read(b []byte) (int, error) {
	n, err := p.part.Read(b)
	if errors.Is(err, io.EOF) {
		_, err = p.form.NextPart()
		if err == nil {
			return n, badRequest("the form has more than one list of users")
		}
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return n, badRequest("the list of users broke off: %v", err)
	}
	return n, err
}

// campaignError gives an error its status.
func campaignError(err error) error {
	for kind, status := range map[error]int{
		campaign.ErrInvalid: http.StatusBadRequest, campaign.ErrConflict: http.StatusConflict,
		campaign.ErrOverQuota: http.StatusConflict, campaign.ErrNoServer: http.StatusConflict,
	} {
		if errors.Is(err, kind) {
			return &refusedError{status, err.Error()}
		}
	}
	return err
}

func campaignRow(c campaign.Campaign) CampaignRow {
	return CampaignRow{
		ID: c.ID, Channel: c.Channel, Name: c.Name, Audience: c.Audience, State: c.State, Reason: c.Reason,
		Users: c.Users, Duplicates: c.Duplicates, Sent: c.Sent, Failed: c.Failed, InOutbox: c.InOutbox,
		Left: c.Users - c.Sent - c.Failed - c.InOutbox, Calls: c.Calls, CallsDone: c.CallsDone,
		Created: c.Created, StartAt: c.StartAt, Ended: c.Ended, Messages: c.Messages,
	}
}

func (a *adminAPI) listCampaigns(r *http.Request) (any, error) {
	q := r.URL.Query()
	limit, err := number("limit", q.Get("limit"))
	if err != nil {
		return nil, err
	}
	channel, state := q.Get("channel"), q.Get("state")
	page := CampaignPage{Campaigns: []CampaignRow{}}
	for _, c := range a.campaigns.List() {
		if channel != "" && c.Channel != channel || state != "" && c.State != state {
			continue
		}
		page.Total++
		if limit == 0 || uint64(page.Total) <= limit {
			page.Campaigns = append(page.Campaigns, campaignRow(c))
		}
	}
	return page, nil
}

func (a *adminAPI) showCampaign(r *http.Request) (any, error) {
	c, err := a.campaigns.Get(r.Context(), r.PathValue("id"))
	return campaignRow(c), err
}

// changeCampaign pauses, resumes or cancels a campaign.
func (a *adminAPI) changeCampaign(change func(context.Context, string) (campaign.Campaign, error)) func(*http.Request) (any, error) {
	return func(r *http.Request) (any, error) {
		c, err := change(r.Context(), r.PathValue("id"))
		return campaignRow(c), campaignError(err)
	}
}
