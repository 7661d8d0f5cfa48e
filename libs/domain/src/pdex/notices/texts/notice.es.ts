/** What the letter to members and the public page both say, in Spanish. */
const TOLD = `## Por qué es bueno para usted {#benefits}

- Sus médicos ven lo que otros médicos hicieron por usted.
- Saben qué males y qué pruebas tuvo.
- Tal vez no tenga que hacer la misma prueba dos veces.
- Ven a qué servicios les dimos el sí.

## Qué datos damos {#shared}

Damos sus datos a los médicos y las clínicas de nuestra red que lo tratan. Damos:

- sus citas y los servicios que pagamos
- sus males, pruebas y vacunas, si los tenemos
- a qué servicios les dijimos que sí o que no

## Qué datos no damos {#not-shared}

- lo que usted pagó y lo que pagamos
- los permisos para una medicina
- los datos que la ley protege, si usted no dice que sí

## Usted puede decir que no {#right}

Usted tiene el derecho a decir que no. Es gratis. No tiene que decir por qué. Puede decir que no para todos
los médicos o solo para unos. Puede cambiar de idea en todo momento.

`;
const AFTER = `## Los datos que ya dimos {#sent}

Los médicos guardan los datos que ya tienen. No los podemos quitar.

## Su plan no cambia {#care}

Puede decir que sí o que no. Sus servicios y su plan no cambian.

`;

/** The letter to members, in Spanish. */
export const MEMBER_NOTICE_ES = `
# Sus datos de salud y sus médicos

Estimado miembro:

{{payer}} puede dar sus datos de salud a sus médicos. Esta carta le dice por qué eso es bueno para usted.
También le dice cómo puede decir que no.

${TOLD}## Cómo decir que no {#opt-out}

Hay tres formas. Use una de ellas:

- Vaya a {{optOutLink}}.
- Llame al {{phone}} (TTY {{tty}}).
- Llene la hoja para decir que no. Mande la hoja a {{address}}.

Cuando nos llega su hoja o su llamada, no damos más datos. Desde ese momento, los médicos ya no ven sus datos
aquí.

## Cómo decir que sí otra vez {#opt-in}

Puede decir que sí otra vez en todo momento. Use el mismo enlace, el mismo número o la hoja para decir que sí.
Después podemos dar sus datos otra vez.

${AFTER}## ¿Tiene preguntas? {#contacts}

- Llame al {{phone}} (TTY {{tty}}).
- Escriba a {{email}}.
- Mande una carta a {{address}}.
- Lea más en {{noticeLink}}.

{{counsel}}
`;

/** The public page for members, in Spanish. */
export const WEB_PAGE_ES = `
# Sus datos de salud y sus médicos

{{payer}} puede dar sus datos de salud a sus médicos. Esta página le dice por qué eso es bueno para usted.
También le dice cómo puede decir que no.

${TOLD}## Cómo decir que no {#opt-out}

Hay tres formas. Use una de ellas:

- Vaya a {{optOutLink}}.
- Llame al {{phone}} (TTY {{tty}}).
- Imprima {{optOutForm}}. Llene la hoja y mande la hoja a {{address}}.

Cuando nos llega su hoja o su llamada, no damos más datos. Desde ese momento, los médicos ya no ven sus datos
aquí.

## Cómo decir que sí otra vez {#opt-in}

Puede decir que sí otra vez en todo momento. Use el mismo enlace, el mismo número o {{optInForm}}. Después
podemos dar sus datos otra vez.

${AFTER}## ¿Tiene preguntas? {#contacts}

- Llame al {{phone}} (TTY {{tty}}).
- Escriba a {{email}}.
- Mande una carta a {{address}}.

{{counsel}}
`;
