/** The letter to the providers of the network, in English. */
export const PROVIDER_LETTER_EN = `
# You can get your patients' data from {{payer}}

Dear doctor, dear practice,

Your patients who are our members have health data with us. Your computer system can now get these data. You
pay us nothing for it.

## What you get {#shared}

- visits and care that we paid for, without the amounts
- health problems, tests and shots, if we have them
- the prior approvals that you and others asked for, but not those for drugs

## How you ask {#request}

1. Ask the maker of your system to sign up at {{registerLink}}.
2. Send us your NPI or your tax number. We check that you are in our network.
3. Your system then gets the data of your patients. It does so for one patient or for all of them.

The steps are at {{providersLink}}. The guide for the maker of your system is at {{docsLink}}.

## Who counts as your patient {#attribution}

We list each of your patients who is our member. You see your own list and no other. The rules of the list are
at {{providersLink}}. Is a patient missing? Then call us.

## Members can say no {#opt-out}

A member can opt out at any time. Then you get no data of this member from us. We cannot tell you why a member
is not on your list.

## Whom to ask {#contacts}

- Call {{providerPhone}}.
- Write to {{providerEmail}}.

{{counsel}}
`;
