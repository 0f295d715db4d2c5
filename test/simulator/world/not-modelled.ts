/** The product asks for something that the simulator's world does not have. Ends the simulation: passed over in silence it would prove nothing. */
export class NotModelled extends Error {
  override readonly name = 'NotModelled';
}
