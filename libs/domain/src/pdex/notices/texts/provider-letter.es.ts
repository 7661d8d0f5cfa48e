/** The letter to the providers of the network, in Spanish. */
export const PROVIDER_LETTER_ES = `
# Usted puede ver los datos de sus pacientes de {{payer}}

Estimado doctor, estimada clínica:

Tenemos datos de salud de sus pacientes que son miembros de nuestro plan. Ahora su sistema puede leer esos
datos. No nos paga nada por ellos.

## Qué datos hay {#shared}

- las citas y los servicios que pagamos, sin los montos
- los males, las pruebas y las vacunas, si los tenemos
- los permisos que usted u otros pidieron, pero no los de medicinas

## Cómo los pide {#request}

1. Pida a quien hace su sistema que se inscriba en {{registerLink}}.
2. Mande su NPI o su número de impuestos. Vemos si usted está en nuestra red.
3. Después su sistema lee los datos de sus pacientes. Lo hace para uno o para todos.

Los pasos están en {{providersLink}}. La guía para quien hace su sistema está en {{docsLink}}.

## Quién es su paciente {#attribution}

Tenemos una lista de sus pacientes que son miembros. Usted ve su lista y ninguna otra. Las reglas de la lista
están en {{providersLink}}. ¿Falta un paciente? Llame y lo vemos.

## Los miembros pueden decir que no {#opt-out}

Un miembro puede decir que no en todo momento. Desde ese día no le damos sus datos. No le podemos decir por
qué un miembro no está en su lista.

## A quién puede preguntar {#contacts}

- Llame al {{providerPhone}}.
- Escriba a {{providerEmail}}.

{{counsel}}
`;
