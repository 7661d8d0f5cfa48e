/** The form with which a member opts out, in English. */
export const OPT_OUT_FORM_EN = `
# Say no to sharing

Use this form to tell {{payer}} to stop. We will not share your health data with doctors through this service.

## Who you are {#person}

- Name: {{line}}
- Date of birth: {{line}}
- Member number on your card: {{line}}

## What you want {#choice}

Check one box:

- {{box}} Do not share my data with any doctor.
- {{box}} Do not share my data with these doctors or clinics: {{line}}

## You do not need to tell us why {#reason}

If you want to, you can write it here: {{line}}

## Sign here {#signature}

- Signed: {{line}}
- Date: {{line}}

Do you sign for someone else? Then write your name here: {{line}}

Send us a paper that shows that you may do so.

## Where to send it {#contacts}

Mail it to {{address}}. You can also call {{phone}} (TTY {{tty}}) or go to {{optOutLink}}.

Doctors keep the data that they have. Your care and your benefits do not change. You can say yes again at any
time.

{{counsel}}
`;
